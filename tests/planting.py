"""Plant wrong imports in a copy of the tree, one after the other, and lint each.

A program of its own, because import-linter finds the packages by their names and the tests have
imported the real ones; and one for all plants, because starting it takes longer than linting.
It reads `[[path, text], ...]` from its input and writes a report for each.
"""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from importlinter.cli import lint_imports


@contextmanager
def planted(path: Path, text: str) -> Iterator[None]:
    """Append *text* to the file, which need not exist, for the block."""
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{text}\n")
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


def report() -> str:
    output = io.StringIO()
    with redirect_stdout(output):
        lint_imports(cache_dir=".cache", show_timings=False)
    return output.getvalue()


if __name__ == "__main__":
    reports = []
    for name, text in json.load(sys.stdin):
        with planted(Path(name), text):
            reports.append(report())
    json.dump(reports, sys.stdout)
