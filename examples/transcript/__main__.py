"""Play transcripts: `python -m examples.transcript FILE...`."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from examples.transcript.playing import play
from examples.transcript.reading import DeviationError
from examples.transcript.stage import LackingError


def main(arguments: list[str] | None = None) -> int:
    """Return 0, 1 if an answer was not the one written down, 2 if something is lacking."""
    parser = argparse.ArgumentParser(prog="transcript", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--pause", action="store_true", help="wait for Enter where words stand")
    parser.add_argument("--quiet", action="store_true", help="print only what is wrong")
    options = parser.parse_args(arguments)
    tell = (lambda _text: None) if options.quiet else tell_at_once
    worst = 0
    for path in options.files:
        try:
            if options.pause:
                play_for_a_reader(path)
            else:
                play(path, tell)
        except DeviationError as error:
            print(f"\n{path}: {error}", file=sys.stderr)
            worst = max(worst, 1)
        except (LackingError, OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            print(f"\n{path}: {reason}", file=sys.stderr)
            worst = 2
        else:
            print(f"{path}: every line as written")
    return worst


def tell_at_once(text: str) -> None:
    print(text, flush=True)


def play_for_a_reader(path: Path) -> None:
    """Print the transcript at reading speed, with a pause at comments.

    It is played at its own pace meanwhile: while a person reads, servers would close connections
    and caches would expire.
    """
    told: SimpleQueue[str | None] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(play, path, told.put)
        played.add_done_callback(lambda _played: told.put(None))
        for text in iter(told.get, None):
            print(text, flush=True)
            if text.lstrip().startswith("#"):
                with suppress(EOFError):
                    input()
        played.result()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
