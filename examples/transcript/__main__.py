"""Play transcripts: `python -m examples.transcript FILE...`."""

import argparse
import sys
from pathlib import Path

from examples.transcript.playing import play
from examples.transcript.reading import DeviationError
from examples.transcript.stage import LackingError


def main(arguments: list[str] | None = None) -> int:
    """Give 0, 1 if an answer was not the one written down, 2 if something is lacking."""
    parser = argparse.ArgumentParser(prog="transcript", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--pause", action="store_true", help="wait for Enter where words stand")
    parser.add_argument("--quiet", action="store_true", help="print only what is wrong")
    options = parser.parse_args(arguments)

    def tell(text: str) -> None:
        if not options.quiet:
            print(text, flush=True)
        if options.pause and text.startswith("#"):
            input()

    worst = 0
    for path in options.files:
        try:
            play(path, tell)
        except DeviationError as error:
            print(f"\n{path}: {error}", file=sys.stderr)
            worst = max(worst, 1)
        except (LackingError, ValueError) as error:
            print(f"\n{path}: {error}", file=sys.stderr)
            worst = 2
        else:
            print(f"{path}: every line as written")
    return worst


if __name__ == "__main__":
    sys.exit(main())
