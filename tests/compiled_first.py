"""Let one of xdist's workers compile the tests, where none has yet: each would compile all of them.

That takes as much processor time as all of the collection.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ngw2f.locks import file_lock

TESTS = Path(__file__).parent
IS_COMPILED = pytest.StashKey[bool]()


def are_compiled(tests: Path) -> bool:
    """Say whether any test is compiled; those of another folder may not be."""
    return any(tests.rglob("__pycache__/test_*.pyc"))


def were_compiled(config: pytest.Config) -> bool:
    """Return what was so before the first worker started."""
    if IS_COMPILED not in config.stash:
        config.stash[IS_COMPILED] = sys.dont_write_bytecode or are_compiled(TESTS)
    return config.stash[IS_COMPILED]


@contextmanager
def compiled_first(lock: Path, tests: Path = TESTS) -> Iterator[None]:
    """Hold the *lock* for the block if the tests are not compiled; who waited has it no more."""
    with file_lock(lock):
        if not are_compiled(tests):
            yield
            return
    yield
