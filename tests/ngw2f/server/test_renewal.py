from pathlib import Path

from ngw2f.server import renewal


def test_last_word_counts(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    assert renewal.read(path, 5) == ""
    renewal.tell(str(path), renewal.REFUSED, 5)
    renewal.tell(str(path), renewal.READY, 5)
    assert renewal.read(path, 5) == renewal.READY
    assert renewal.read(path, 6) == ""
    renewal.forget(path)
    renewal.forget(path)
    assert renewal.read(path, 5) == ""


def test_nobody_is_told_without_a_pid_file(tmp_path: Path) -> None:
    renewal.tell(None, renewal.READY, 5)
    renewal.tell(str(tmp_path / "none" / "pid"), renewal.READY, 5)
    assert list(tmp_path.iterdir()) == []


def test_half_a_word_is_none(tmp_path: Path) -> None:
    (tmp_path / "pid.told").write_text("ready 1")
    assert renewal.read(tmp_path / "pid", 12) == ""
