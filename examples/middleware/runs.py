"""Keep the last two runs in a file, since the next request may reach another process."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from examples.middleware.asking import Run
from examples.middleware.question import Question


class Runs:
    """The last run, and the one before it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last_two(self) -> tuple[Run | None, Run | None]:
        """Return the previous and the last run, or None for each."""
        before, now = [None, None, *self.load()][-2:]
        return before, now

    def question(self) -> Question:
        """Return the last request."""
        runs = self.load()
        return runs[-1].question if runs else Question()

    def is_last(self, question: Question) -> bool:
        """Return whether this was the last request."""
        return any(run.question == question for run in self.load()[-1:])

    def add(self, run: Run) -> None:
        runs = [*self.load(), run][-2:]
        # Concurrent readers get either the complete old file or the new one.
        with NamedTemporaryFile(dir=self.path.parent, delete=False) as file:
            file.write(msgspec.json.encode(runs))
        os.replace(file.name, self.path)

    def load(self) -> list[Run]:
        if not self.path.exists():
            return []
        return msgspec.json.decode(self.path.read_bytes(), type=list[Run])
