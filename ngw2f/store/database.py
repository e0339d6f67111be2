"""One database: its engine, and the two ways into it, reading and writing."""

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from ngw2f.store.private import make_private

# How long a writer waits for another process's transaction. The wait sleeps
# between tries (it does not sit in SQLite's own busy handler, which would hold
# gevent's loop and with it every client of this process).
LOCK_TIMEOUT_SECONDS = 15.0
LOCK_PAUSE_SECONDS = 0.002
# A worker that stores much has the lock most of the time: who looks seldom finds it taken.
MAX_LOCK_PAUSE_SECONDS = 0.008

# Connections of one process to PostgreSQL; further greenlets wait for one of them. The
# server's own default is 100 for all: four processes, and some left to look with.
CONNECTIONS = 20

# Both ends find out within some 6 s that the other one's machine is gone. The system's
# defaults are hours: for so long a process that was cut off in the middle of a transaction
# would keep its locks, and everybody waits for one of them (store/events.py).
PEER_IDLE_SECONDS, PEER_PROBE_SECONDS, PEER_PROBES = 3, 1, 3
PEER_SILENT_MILLISECONDS = 6_000
SERVER_SETTINGS = (
    f"SET tcp_keepalives_idle = {PEER_IDLE_SECONDS};"
    f"SET tcp_keepalives_interval = {PEER_PROBE_SECONDS};"
    f"SET tcp_keepalives_count = {PEER_PROBES};"
    f"SET tcp_user_timeout = {PEER_SILENT_MILLISECONDS}"
)
CLIENT_SETTINGS = {
    "application_name": "ngw2f",
    "keepalives_idle": PEER_IDLE_SECONDS,
    "keepalives_interval": PEER_PROBE_SECONDS,
    "keepalives_count": PEER_PROBES,
    "tcp_user_timeout": PEER_SILENT_MILLISECONDS,
}

SQLITE_PRAGMAS = (
    # Readers and the one writer do not wait for each other.
    "journal_mode = WAL",
    # A commit that was answered survives a power cut.
    "synchronous = FULL",
    "foreign_keys = ON",
    "mmap_size = 268435456",
)


class DatabaseBusyError(Exception):
    """Another process held the database for longer than LOCK_TIMEOUT_SECONDS."""


class CommitLostError(OperationalError):
    """The database did not confirm a commit: the change may be there, or not."""


class Database:
    """SQLite or PostgreSQL, by SQLAlchemy's URL. Connects at the first use, so after a fork."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        # What an error says goes into the log, and parameters are messages, digests and names.
        self.is_sqlite = url.startswith("sqlite")
        if not self.is_sqlite:
            self.engine = create_engine(
                url,
                pool_size=connections,
                # The server counts connections, so there is a limit and nothing above it.
                max_overflow=0,
                pool_timeout=LOCK_TIMEOUT_SECONDS,
                # Connections in the pool break when the server restarts.
                pool_pre_ping=True,
                connect_args=CLIENT_SETTINGS,
                hide_parameters=True,
            )
            event.listen(self.engine, "connect", _prepare_session)
            # PostgreSQL's default is one state for each statement.
            self._reading_engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
            return
        # SQLite's calls never yield to another greenlet, so few connections are open
        # at once; none is refused while others wait.
        self.engine = create_engine(url, pool_size=4, max_overflow=-1, hide_parameters=True)
        event.listen(self.engine, "do_connect", _make_private)
        event.listen(self.engine, "connect", _prepare_reader)
        # SQLite has one writer at a time; within the process they queue here.
        self._writer = threading.Lock()
        self._writing_engine = create_engine(url, pool_size=1, hide_parameters=True)
        event.listen(self._writing_engine, "do_connect", _make_private)
        event.listen(self._writing_engine, "connect", _prepare_writer)

    def asking(self) -> Connection:
        """Give a connection, for a `with` block, of which each statement sees what is then true.

        It costs less than `reading`, and one statement needs no more.
        """
        return self.engine.connect()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database and changes nothing."""
        if not self.is_sqlite:
            with self._reading_engine.connect() as connection:
                yield connection
            return
        with self.engine.connect() as connection:
            # Ends when the connection goes back to the pool.
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are on disk when the block ends, or none of them.

        Raises DatabaseBusyError, and CommitLostError if nobody knows which of the two.
        """
        if not self.is_sqlite:
            with self.engine.connect() as connection:
                connection.begin()
                yield connection
                _commit(connection)
            return
        with self._writer, self._writing_engine.connect() as connection:
            _begin_immediate(connection)
            yield connection
            _commit(connection)

    def ping(self) -> None:
        """Raise sqlalchemy.exc.SQLAlchemyError if the database does not answer."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()
        if self.is_sqlite:
            self._writing_engine.dispose()


def _prepare_session(connection: Any, _record: object) -> None:
    """Say to the server what it shall think of our silence; not at the start, for PgBouncer."""
    connection.execute(SERVER_SETTINGS)
    connection.commit()


def _make_private(_dialect: object, _record: object, args: Any, _options: object) -> None:
    """See that SQLite finds the file which it would make for everybody to read."""
    # A directory that is not there is for SQLite to complain of.
    with suppress(OSError):
        if args[0] != ":memory:":
            make_private(Path(args[0]))


def _prepare_reader(connection: Any, _record: object) -> None:
    _prepare_sqlite(connection)
    # For the rare locks that a reader meets: recovery, a checkpoint's end.
    connection.execute("PRAGMA busy_timeout = 250")


def _prepare_writer(connection: Any, _record: object) -> None:
    _prepare_sqlite(connection)
    connection.execute("PRAGMA busy_timeout = 0")


def _prepare_sqlite(connection: Any) -> None:
    # Transactions begin where we say so: sqlite3's own would start them late, as
    # readers, and fail when two of them want to write.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 5000")  # While the mode is changed to WAL.
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock, waiting for it politely."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    pause = LOCK_PAUSE_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not _is_lock(error):
                raise
            if time.monotonic() > deadline:
                raise DatabaseBusyError("the database is locked") from error
            connection.rollback()
        else:
            return
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 # not a secret
        pause = min(pause * 2, MAX_LOCK_PAUSE_SECONDS)


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        # SQLite says it when it could not write all, and so has stored nothing.
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise
        reason = error.orig or error
        raise CommitLostError(error.statement, error.params, reason) from error


def _is_lock(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
