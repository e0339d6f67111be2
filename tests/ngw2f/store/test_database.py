import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from examples.transcript.machine import free_port
from ngw2f.settings import Settings
from ngw2f.store import database as module
from ngw2f.store import messages, users
from ngw2f.store.database import Database, DatabaseBusyError
from ngw2f.store.message_pages import Page, list_versions
from ngw2f.store.rooms import LOBBY_ID
from tests.postgresql import running_postgresql


def nicknames(database: Database) -> list[str]:
    with database.reading() as connection:
        return [user.nickname for user in users.list_users(connection)]


def versions(connection: Connection) -> list[tuple[int, int]]:
    return list(list_versions(connection, LOBBY_ID, None, Page()).versions)


def test_failed_block_changes_nothing(database: Database) -> None:
    def fail_in_the_middle() -> None:
        with database.writing() as connection:
            users.create_user(connection, "Ann", "ann", "hash")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert nicknames(database) == []


def test_reader_sees_one_state(database: Database, ann: users.UserRow) -> None:
    with database.reading() as connection:
        before = users.list_users(connection)
        with database.writing() as writer:
            users.create_user(writer, "Bob", "bob", "hash")
        assert users.list_users(connection) == before
    assert nicknames(database) == ["Ann", "Bob"]


def test_writers_take_turns(database: Database) -> None:
    def create(number: int) -> None:
        with database.writing() as connection:
            users.create_user(connection, f"u{number}", f"u{number}", "hash")

    threads = [threading.Thread(target=create, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(nicknames(database)) == 8


def test_lost_machine_is_noticed() -> None:
    names = ["keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout"]
    port = free_port()
    # Over a Unix socket, with no machine between, PostgreSQL says 0.
    with running_postgresql(f"-c listen_addresses=127.0.0.1 -c port={port}"):
        database = Database(f"postgresql+psycopg://chat@127.0.0.1:{port}/postgres")
        with database.reading() as connection:
            told = [connection.scalar(text(f"SHOW tcp_{name}")) for name in names]
        database.close()
    assert told == ["3", "1", "3", "6000"]


def test_ping(database: Database) -> None:
    database.ping()


on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@on_sqlite
@pytest.mark.parametrize("way", ["reading", "writing"])
def test_sqlite_settings(database: Database, way: str) -> None:
    with getattr(database, way)() as connection:
        answers = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert answers == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@on_sqlite
def test_writer_waits_for_another_process(database: Database, settings: Settings) -> None:
    path = settings.data_path / "chat.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.1, other.rollback)
        started = time.monotonic()
        timer.start()
        with database.writing() as connection:
            users.create_user(connection, "Ann", "ann", "hash")
        timer.join()
    assert 0.09 < time.monotonic() - started < 30


@on_sqlite
def test_writer_gives_up(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT_SECONDS", 0.05)
    path = settings.data_path / "chat.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusyError), database.writing():
            pass
    with database.writing() as connection:
        users.create_user(connection, "Ann", "ann", "hash")


def test_other_errors_are_not_waited_for(tmp_path: Path) -> None:
    directory = tmp_path / "missing"
    database = Database(f"sqlite:///{directory}/chat.sqlite3")
    with pytest.raises(OperationalError, match="unable to open"), database.writing():
        pass
    database.close()


@on_sqlite
def test_connection_is_kept_for_the_next_question(
    database: Database, ann: users.UserRow, lobby: int
) -> None:
    with database.asking() as first, database.asking() as other:
        assert versions(first) == versions(other) == []
    with database.writing() as connection:
        stored = messages.create_message(connection, lobby, ann.id, "hello", "<p>hello</p>")
    with database.asking() as next_one:
        assert next_one in (first, other)
        assert [found for found, _ in versions(next_one)] == [stored.id]
    database.close()
    assert first.closed
    assert other.closed


@on_sqlite
def test_connection_is_not_kept_after_an_error_nor_with_a_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.asking() as failed:
        raise ZeroDivisionError
    with database.asking() as begun:
        begun.execute(text("SELECT 1"))
    assert failed.closed
    assert begun.closed


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_question_is_no_transaction(database: Database) -> None:
    """Else PostgreSQL would be asked to begin and to end one, each in a round trip of its own."""
    with database.asking() as connection:
        connection.execute(text("SELECT 1"))
        driver: Any = connection.connection.dbapi_connection
        assert driver.info.transaction_status == TransactionStatus.IDLE


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_connection_that_broke_while_it_was_idle_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pid() -> Any:
        with database.asking() as connection:
            return connection.scalar(text("SELECT pg_backend_pid()"))

    monkeypatch.setattr(module, "MAX_IDLE_SECONDS", 0.0)
    first = pid()
    assert pid() == first
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with other.asking() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": first})
    other.close()
    assert pid() != first


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_connection_in_use_is_not_checked_each_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_IDLE_SECONDS", 60.0)
    monkeypatch.setattr(database.engine.dialect, "do_ping", None)
    for _ in range(3):
        database.ping()
