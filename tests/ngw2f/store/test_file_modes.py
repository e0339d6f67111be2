import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ngw2f.settings import Settings
from ngw2f.store.backup import back_up
from ngw2f.store.database import Database
from ngw2f.store.file_modes import is_open_to_others, make_private, sqlite_path
from ngw2f.store.migrate import migrate


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_database_is_its_owners_alone(tmp_path: Path, umask: None) -> None:
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(0o755)
    settings = Settings(data_dir=str(directory), database_url="")
    migrate(settings)
    database = Database(settings.sqlalchemy_url)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE one (two)")
        files = [directory / f"chat.sqlite3{end}" for end in ("", "-wal", "-shm")]
        assert [mode(file) for file in files] == [0o600] * 3
    database.close()
    if os.umask(0o077) != 0o777:
        back_up(settings, tmp_path / "backup")
        assert mode(tmp_path / "backup") == 0o600


@pytest.mark.parametrize("name", ["chat.sqlite3", "a#b?c%2F.sqlite3"])
def test_database_elsewhere_is_its_owners_alone(tmp_path: Path, name: str, umask: None) -> None:
    url = Settings(data_dir=str(tmp_path)).sqlalchemy_url
    assert sqlite_path(url) == tmp_path / "chat.sqlite3"
    make_private(tmp_path / name)
    assert mode(tmp_path / name) == 0o600


def test_database_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    path.write_bytes(b"")
    path.chmod(0o640)
    Database(f"sqlite:///{path}").ping()
    assert mode(path) == 0o640
    tmp_path.chmod(0o711)
    assert is_open_to_others(path)
    tmp_path.chmod(0o700)
    assert not is_open_to_others(path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql+psycopg://h/d"])
def test_other_databases_are_no_file(url: str) -> None:
    assert sqlite_path(url) is None
