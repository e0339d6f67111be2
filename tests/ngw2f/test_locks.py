from pathlib import Path

from ngw2f.locks import file_lock, is_locked


def test_locked_while_the_block_runs(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with file_lock(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_readers_share_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path, shared=True), file_lock(path, shared=True):
        assert not is_locked(path)
