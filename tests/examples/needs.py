"""What an example needs, and what becomes of its test on a machine that lacks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.transcript.stage import LackingError
from tests.needs import lacking

# On PYTHONPATH it has programs hash passwords in no time.
CHEAPLY = str(Path(__file__).parent / "cheaply")


@contextmanager
def lacking_as_in_transcripts() -> Iterator[None]:
    """Skip the test, or fail it where nothing may be skipped, if a `LackingError` comes here."""
    try:
        yield
    except LackingError as error:
        lacking(*str(error).removeprefix("needs ").split(": ", 1))
