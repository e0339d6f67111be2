import errno
import os
from pathlib import Path

import pytest

from ngw2f.store.whole_file import whole_file


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_name_comes_last(target: Path) -> None:
    with whole_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
        assert part.parent == target.parent
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_failure_leaves_nothing(target: Path) -> None:
    with pytest.raises(IsADirectoryError), whole_file(target) as part:
        part.parent.write_text("half")
    assert not list(target.parent.iterdir())


def test_file_that_is_there_stays(target: Path) -> None:
    target.write_text("mine")
    with pytest.raises(FileExistsError), whole_file(target):
        pass
    assert target.read_text() == "mine"


def test_link_to_nowhere_stays(target: Path) -> None:
    target.symlink_to("nowhere")
    with pytest.raises(FileExistsError), whole_file(target):
        pass
    assert target.is_symlink()


@pytest.mark.parametrize("has_links", [True, False])
def test_file_that_came_meanwhile_stays(
    target: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        without_links(monkeypatch)
    with pytest.raises(FileExistsError), whole_file(target):
        target.write_text("mine")
    assert target.read_text() == "mine"


def test_file_system_without_links(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_links(monkeypatch)
    with whole_file(target) as part:
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_other_errors_are_raised(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_links(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output"), whole_file(target):
        pass
    assert not list(target.parent.iterdir())


def without_links(monkeypatch: pytest.MonkeyPatch, number: int = errno.EPERM) -> None:
    def link(*_paths: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
