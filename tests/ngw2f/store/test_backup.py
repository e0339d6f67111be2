import shutil
import threading

import pytest
from sqlalchemy import text

from ngw2f.settings import Settings
from ngw2f.store.backup import BackupError, back_up, restore
from ngw2f.store.database import Database
from tests.needs import lacking


@pytest.fixture
def numbers(database):
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
    return database


@pytest.fixture
def target(tmp_path, backend):
    if backend == "postgresql" and not shutil.which("pg_dump"):
        lacking("pg_dump", "apt-get install postgresql-client")
    return tmp_path / "backup"


def numbers_in(settings):
    database = Database(settings.sqlalchemy_url)
    with database.reading() as connection:
        numbers = [number for (number,) in connection.execute(text("SELECT number FROM numbers"))]
    database.close()
    return sorted(numbers)


def restored(settings, target, tmp_path):
    """Restore a backup, SQLite's into another folder; return the settings of what it became."""
    if settings.sqlalchemy_url.startswith("sqlite"):
        settings = Settings(data_dir=str(tmp_path / "restored"))
    restore(settings, target)
    return settings


def test_backup_is_what_was(numbers, settings, target, tmp_path):
    back_up(settings, target)
    with numbers.writing() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    numbers.close()
    assert numbers_in(restored(settings, target, tmp_path)) == [1]


def test_backup_is_one_state(numbers, settings, target, tmp_path):
    """Each transaction writes two rows; a backup made meanwhile has both or neither."""
    stop = threading.Event()

    def write():
        number = 2
        while not stop.is_set():
            with numbers.writing() as connection:
                connection.execute(text(f"INSERT INTO numbers VALUES ({number})"))
                connection.execute(text(f"INSERT INTO numbers VALUES ({-number})"))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    back_up(settings, target)
    stop.set()
    writer.join()
    numbers.close()
    found = numbers_in(restored(settings, target, tmp_path))
    assert sum(found) == 1


def test_backup_is_the_owners_alone(numbers, settings, target):
    back_up(settings, target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_file_that_is_there_stays(numbers, settings, target):
    target.write_text("mine")
    with pytest.raises(BackupError, match="there already"):
        back_up(settings, target)
    assert target.read_text() == "mine"


def test_failed_backup_leaves_no_file(settings, database, target, backend):
    database.close()
    if backend == "sqlite":
        broken = Settings(data_dir=f"{settings.data_dir}/none")
    else:
        broken = Settings(database_url=settings.database_url.replace("chat_test", "none"))
    with pytest.raises(BackupError):
        back_up(broken, target)
    assert not target.exists()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_database_in_the_way_stays(numbers, settings, target):
    back_up(settings, target)
    with pytest.raises(BackupError, match="move it"):
        restore(settings, target)
    assert numbers_in(settings) == [1]


def test_what_is_no_backup(settings, tmp_path, target):
    target.write_bytes(b"nonsense" * 1000)
    with pytest.raises(BackupError):
        restored(settings, target, tmp_path)
    with pytest.raises(BackupError, match="no file"):
        restored(settings, tmp_path / "none", tmp_path)
