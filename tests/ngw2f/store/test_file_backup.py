import errno
import os
from pathlib import Path

import pytest

from ngw2f.settings import Settings
from ngw2f.store.backup import BackupError, back_up, restore
from ngw2f.store.file_contents import FileContents
from ngw2f.store.migrate import migrate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=str(tmp_path / "var"))
    migrate(settings)
    return settings


def store(settings: Settings, body: bytes) -> Path:
    contents = FileContents(settings.data_path)
    key = contents.new_key()
    contents.write(key, [body], len(body))
    return contents.path_of(key)


@pytest.mark.parametrize("can_link", [True, False])
def test_files_go_with_the_database(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_link: bool
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not can_link:
        monkeypatch.setattr(os, "link", refuse)
    first, second = store(settings, b"one"), store(settings, b"two")
    backup = tmp_path / "backup"
    back_up(settings, backup)
    folder = tmp_path / "backup.files"
    assert sorted(path.read_bytes() for path in folder.glob("*/*")) == [b"one", b"two"]
    assert folder.stat().st_mode & 0o777 == 0o700
    first.unlink()
    for path in settings.data_path.glob("chat.sqlite3*"):
        path.unlink()
    restore(settings, backup)
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


@pytest.mark.parametrize("is_moved", [True, False])
def test_files_of_the_replaced_database_stay_unless_moved(
    settings: Settings, tmp_path: Path, *, is_moved: bool
) -> None:
    """Whoever goes back to that database needs them (docs/deploying.md)."""
    first = store(settings, b"one")
    back_up(settings, tmp_path / "backup")
    later = store(settings, b"later")
    for path in settings.data_path.glob("chat.sqlite3*"):
        path.rename(tmp_path / path.name)
    if is_moved:
        (settings.data_path / "files").rename(tmp_path / "old")
    restore(settings, tmp_path / "backup")
    assert first.read_bytes() == b"one"
    assert later.exists() is not is_moved


def test_backup_without_files_has_no_folder(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "backup")
    assert not (tmp_path / "backup.files").exists()


def test_folder_of_another_backup_stays(settings: Settings, tmp_path: Path) -> None:
    store(settings, b"one")
    (tmp_path / "backup.files").mkdir()
    with pytest.raises(BackupError, match="is there already"):
        back_up(settings, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_failed_backup_leaves_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    store(settings, b"one")
    monkeypatch.setattr("ngw2f.store.file_backup._link_or_copy", fail)
    with pytest.raises(OSError, match="no space"):
        back_up(settings, tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["var"]
