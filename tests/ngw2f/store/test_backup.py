import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from ngw2f.settings import Settings
from ngw2f.store import search, users
from ngw2f.store.backup import BackupError, _conninfo, _run, back_up, restore
from ngw2f.store.database import Database
from ngw2f.store.in_use import InUseError
from ngw2f.store.schema import messages
from ngw2f.store.search import Wanted
from tests.needs import lacking


@pytest.fixture
def numbers(database: Database) -> Database:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
    return database


@pytest.fixture
def target(tmp_path: Path, backend: str) -> Path:
    if backend == "postgresql" and not shutil.which("pg_dump"):
        lacking("pg_dump", "apt-get install postgresql-client")
    return tmp_path / "backup"


def numbers_in(settings: Settings) -> list[int]:
    database = Database(settings.sqlalchemy_url)
    with database.reading() as connection:
        numbers = [number for (number,) in connection.execute(text("SELECT number FROM numbers"))]
    database.close()
    return sorted(numbers)


def restored(settings: Settings, target: Path, tmp_path: Path) -> Settings:
    """Restore a backup, SQLite's into another folder; return the settings of what it became."""
    if settings.sqlalchemy_url.startswith("sqlite"):
        settings = Settings(data_dir=str(tmp_path / "restored"))
    restore(settings, target)
    return settings


def test_backup_is_what_was(
    numbers: Database, settings: Settings, target: Path, tmp_path: Path
) -> None:
    back_up(settings, target)
    with numbers.writing() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    numbers.close()
    assert numbers_in(restored(settings, target, tmp_path)) == [1]


def test_backup_is_one_state(
    numbers: Database, settings: Settings, target: Path, tmp_path: Path
) -> None:
    """Each transaction writes two rows; a backup made meanwhile has both or neither."""
    stop = threading.Event()

    def write() -> None:
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


def test_backup_is_the_owners_alone(numbers: Database, settings: Settings, target: Path) -> None:
    back_up(settings, target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_file_that_is_there_stays(numbers: Database, settings: Settings, target: Path) -> None:
    target.write_text("mine")
    with pytest.raises(BackupError, match="there already"):
        back_up(settings, target)
    assert target.read_text() == "mine"


def test_failed_backup_leaves_no_file(
    settings: Settings, database: Database, target: Path, backend: str
) -> None:
    database.close()
    if backend == "sqlite":
        broken = Settings(data_dir=f"{settings.data_dir}/none")
    else:
        broken = Settings(database_url=settings.database_url.replace("chat_test", "none"))
    with pytest.raises(BackupError):
        back_up(broken, target)
    assert not target.exists()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_database_in_the_way_stays(numbers: Database, settings: Settings, target: Path) -> None:
    back_up(settings, target)
    with pytest.raises(BackupError, match="move it"):
        restore(settings, target)
    assert numbers_in(settings) == [1]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_write_ahead_log_in_the_way_stays(
    numbers: Database, settings: Settings, target: Path, tmp_path: Path
) -> None:
    """It belongs to a database that was moved away; SQLite would take it for the new one's."""
    back_up(settings, target)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "chat.sqlite3-wal").touch()
    with pytest.raises(BackupError, match="-wal is there"):
        restore(Settings(data_dir=str(elsewhere)), target)
    assert [path.name for path in elsewhere.iterdir()] == ["chat.sqlite3-wal"]


def damage(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + 4096] = b"x" * 4096
    path.write_bytes(content)


def write_over(path: Path, old: bytes, new: bytes) -> None:
    before = path.read_bytes()
    assert old in before
    path.write_bytes(before.replace(old, new))


def other_version(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


HARM: dict[str, Callable[[Path], object]] = {
    "damaged": lambda path: damage(path, 8192),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:20_000]),
    "an index of other rows": lambda path: write_over(path, b"\x17\tlobby", b"\x17\tlobbz"),
    "no text": lambda path: write_over(
        path, b"CREATE TABLE messages", b"CREATE \xffABLE \xb8essages"
    ),
    "empty": lambda path: path.write_bytes(b""),
    "no chat": lambda path: other_version(path, "DROP TABLE alembic_version"),
    "another program": lambda path: other_version(path, "DROP TABLE memberships"),
    "no version": lambda path: other_version(path, "DELETE FROM alembic_version"),
    "newer": lambda path: other_version(path, "UPDATE alembic_version SET version_num = '9999'"),
}


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("harm", HARM)
def test_backup_that_is_not_whole_changes_nothing(
    numbers: Database, settings: Settings, target: Path, tmp_path: Path, harm: str
) -> None:
    back_up(settings, target)
    HARM[harm](target)
    with pytest.raises(BackupError, match=str(target)):
        restored(settings, target, tmp_path)
    assert not list(tmp_path.rglob("restored/*"))


@pytest.mark.parametrize("backend", ["sqlite"])
def test_restored_is_the_owners_alone(
    numbers: Database, settings: Settings, target: Path, tmp_path: Path
) -> None:
    back_up(settings, target)
    there = restored(settings, target, tmp_path)
    assert (there.data_path / "chat.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("backend", ["postgresql"])
def test_database_stays_if_the_backup_is_cut_off(
    numbers: Database, settings: Settings, target: Path
) -> None:
    back_up(settings, target)
    with numbers.writing() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    numbers.close()
    target.write_bytes(target.read_bytes()[:-3000])
    with pytest.raises(BackupError, match=r"^pg_restore: \S.*$"):
        restore(settings, target)
    assert numbers_in(settings) == [1, 2]


# What is done to a database, or how it is dumped, so that the dump is none of this chat.
OTHERS = {
    "newer": ("UPDATE alembic_version SET version_num = '9999'", []),
    "no version": ("DELETE FROM alembic_version", []),
    "another program": ("DROP TABLE messages CASCADE", []),
    "no rows": ("", ["--schema-only"]),
    "a table of it": ("", ["--table=messages"]),
    "another schema": ("ALTER SCHEMA public RENAME TO other", []),
}


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("other", OTHERS)
def test_dump_of_something_else_changes_nothing(
    numbers: Database, settings: Settings, target: Path, other: str
) -> None:
    statement, options = OTHERS[other]
    numbers.close()
    before = Database(settings.sqlalchemy_url)
    if statement:
        with before.writing() as connection:
            connection.execute(text(statement))
    _run("pg_dump", ["--format=custom", f"--file={target}", *options], make_url(before.engine.url))
    if other == "another schema":
        with before.writing() as connection:
            connection.execute(text("ALTER SCHEMA other RENAME TO public"))
    with before.writing() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    before.close()
    with pytest.raises(BackupError, match=r"is not a backup of a chat|is of a newer version"):
        restore(settings, target)
    assert numbers_in(settings) == [1, 2]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_backup_of_an_older_version_replaces_a_newer_one(
    numbers: Database, settings: Settings, target: Path
) -> None:
    """Its tables have no keys yet, which would keep those that they refer to."""
    url = make_url(numbers.engine.url)
    _run(
        "pg_dump", ["--format=custom", f"--file={target}", "--exclude-table=idempotency_keys"], url
    )
    with numbers.writing() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    numbers.close()
    restore(settings, target)
    assert numbers_in(settings) == [1]
    database = Database(settings.sqlalchemy_url)
    with database.reading() as connection:
        found = connection.scalar(text("SELECT to_regclass('idempotency_keys')"))
    database.close()
    assert found is None


@pytest.mark.parametrize("backend", ["postgresql"])
def test_restore_waits_for_nobody(numbers: Database, settings: Settings, target: Path) -> None:
    """It refuses while somebody uses the database."""
    back_up(settings, target)
    with numbers.asking(), pytest.raises(InUseError):
        restore(settings, target)
    numbers.close()
    restore(settings, target)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_reason_is_the_error_and_not_its_statement(
    numbers: Database, settings: Settings, target: Path
) -> None:
    back_up(settings, target)
    with numbers.writing() as connection:
        connection.execute(text("CREATE VIEW above AS SELECT number + 1 AS one FROM numbers"))
    numbers.close()
    with pytest.raises(BackupError, match=r"cannot drop table .* because"):
        restore(settings, target)
    assert numbers_in(settings) == [1]


def test_connection_is_the_chats_own() -> None:
    url = "postgresql+psycopg://ann:hush@db:6432/chat?sslmode=verify-full&sslrootcert=/ca"
    words = set(_conninfo(make_url(url)).split())
    expected = {"user=ann", "host=db", "port=6432", "dbname=chat"}
    assert words == expected | {"sslmode=verify-full", "sslrootcert=/ca"}


def test_what_is_no_backup(settings: Settings, tmp_path: Path, target: Path) -> None:
    target.write_bytes(b"nonsense" * 1000)
    with pytest.raises(BackupError):
        restored(settings, target, tmp_path)
    with pytest.raises(BackupError, match="no file"):
        restored(settings, tmp_path / "none", tmp_path)


def test_what_is_restored_is_found(
    database: Database, settings: Settings, target: Path, tmp_path: Path
) -> None:
    with database.writing() as connection:
        ann = users.create_user(connection, "Ann", "ann", "hash")
        row = {"room_id": 1, "user_id": ann.id, "html": "", "rendered": True, "version": 1}
        row |= {"created_at": 1, "updated_at": 1}
        connection.execute(messages.insert(), [{**row, "source": each} for each in ("one", "two")])
        search.index_messages(connection, 1)
    database.close()
    back_up(settings, target)
    after = Database(restored(settings, target, tmp_path).sqlalchemy_url)
    with after.writing() as connection:
        # The first one's words are still missing, and will be stored.
        assert search.index_messages(connection, 5) == 1
        found, _ = search.find_messages(connection, Wanted([("one",)]), None)
        assert [each.source for each in found] == ["one"]
        connection.execute(messages.delete())
        assert search.find_messages(connection, Wanted([("two",)]), None) == ([], False)
    after.close()
