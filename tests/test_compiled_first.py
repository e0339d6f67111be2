import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compiled_first import are_compiled, compiled_first


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "conftest.py"


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """Return the path of a compiled test that is not there yet."""
    caches = tmp_path / "middleware" / "__pycache__"
    caches.mkdir(parents=True)
    (caches / "contract.cpython-311.pyc").touch()
    return caches / "test_headers.cpython-311-pytest-9.2.0.pyc"


def test_one_compiles_and_the_others_wait_for_it(lock: Path, compiled: Path) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(are_compiled(lock.parent))

    others = [threading.Thread(target=_collect, args=[lock, look]) for _ in range(3)]
    with compiled_first(lock, lock.parent):
        for other in others:
            other.start()
        assert not are_compiled(lock.parent)
        compiled.touch()
    for other in others:
        other.join(60)
    assert seen == [True] * 3


def test_compiled_tests_are_collected_at_the_same_time(lock: Path, compiled: Path) -> None:
    compiled.touch()
    all_are_in = threading.Barrier(3, timeout=60)
    others = [threading.Thread(target=_collect, args=[lock, all_are_in.wait]) for _ in range(2)]
    for other in others:
        other.start()
    with compiled_first(lock, lock.parent):
        all_are_in.wait()
    for other in others:
        other.join(60)


def _collect(lock: Path, collect: Callable[[], object]) -> None:
    with compiled_first(lock, lock.parent):
        collect()
