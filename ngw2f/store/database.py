"""The database: its engine, and the ways to read and to write."""

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from middleware.spans import span
from ngw2f.store.file_modes import make_private

# How long a writer waits for another process's transaction. It sleeps between attempts; SQLite's
# own busy handler would block gevent's loop, and with it every client of this process.
LOCK_TIMEOUT_SECONDS = 15.0
LOCK_PAUSE_SECONDS = 0.0005
# A worker that writes much holds the lock most of the time; long pauses would miss the gaps.
MAX_LOCK_PAUSE_SECONDS = 0.001

# Connections of one process to PostgreSQL; further greenlets wait for one of them. The server
# allows 100 by default: enough for four processes, with some left for operators.
CONNECTIONS = 20

# A connection that was used so short ago is used again without asking whether it still works.
MAX_IDLE_SECONDS = 1.0
_USED_AT = "ngw2f.used_at"

# Each end notices within about 6 s that the other machine is gone. The system's defaults are hours:
# for that long, a process cut off in a transaction would keep its locks, and all writers wait for
# one of them (store/order.py).
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
    # Readers and the single writer do not wait for each other.
    "journal_mode = WAL",
    # A confirmed commit survives a power cut.
    "synchronous = FULL",
    "foreign_keys = ON",
    "mmap_size = 268435456",
)


BEGIN = "BEGIN IMMEDIATE"

POOL_LOG = logging.getLogger("sqlalchemy.pool.impl.QueuePool")


class DatabaseBusyError(Exception):
    """Another process held the database for longer than LOCK_TIMEOUT_SECONDS."""


class CommitLostError(OperationalError):
    """The database did not confirm a commit: the change may be stored or not."""


class Database:
    """SQLite or PostgreSQL, by SQLAlchemy's URL. Connects at first use, hence after a fork."""

    def __init__(
        self, url: str, connections: int = CONNECTIONS, *, is_derived: bool = False
    ) -> None:
        """*is_derived*: what is written here is made again if a power cut takes it back.

        Then SQLite's commits do not wait for the disk, while others wait for the database. The next
        commit of a process that does wait takes them to the disk, too.
        """
        # Errors are logged; without `hide_parameters` they would show messages, digests and names.
        self.is_sqlite = url.startswith("sqlite")
        # SQLite's connections that nobody asks by at the moment.
        self._idle: list[Connection] = []
        if not self.is_sqlite:
            self.engine = create_engine(
                url,
                pool_size=connections,
                # The server limits connections, so this is a hard limit, too.
                max_overflow=0,
                pool_timeout=LOCK_TIMEOUT_SECONDS,
                connect_args=CLIENT_SETTINGS,
                hide_parameters=True,
            )
            event.listen(self.engine, "connect", _prepare_session)
            POOL_LOG.addFilter(_is_of_failure)
            _check_idle_connections(self.engine)
            # Otherwise each question would be a transaction, of three round trips instead of one.
            self._asking_engine: Engine = self.engine.execution_options(
                isolation_level="AUTOCOMMIT"
            )
            # By default, each statement of a PostgreSQL transaction sees a state of its own.
            self._reading_engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
            return
        # SQLite's calls never yield to another greenlet, so few connections are open at once, and
        # none needs to be refused.
        self.engine = create_engine(url, pool_size=4, max_overflow=-1, hide_parameters=True)
        event.listen(self.engine, "do_connect", _make_private)
        event.listen(self.engine, "connect", _prepare_reader)
        # SQLite has one writer at a time; those of this process queue here.
        self._writer = threading.Lock()
        self._writing_engine = create_engine(url, pool_size=1, hide_parameters=True)
        event.listen(self._writing_engine, "do_connect", _make_private)
        event.listen(self._writing_engine, "connect", _prepare_writer)
        if is_derived:
            event.listen(self._writing_engine, "connect", _leave_unsynced)
            for engine in self.engines:
                event.listen(engine, "connect", _leave_unmapped)

    @property
    def engines(self) -> list[Engine]:
        """Return the engines that run statements; others are made of these."""
        return [self.engine, self._writing_engine] if self.is_sqlite else [self.engine]

    def asking(self) -> AbstractContextManager[Connection]:
        """Return a connection, for a `with` block, whose statements each see the newest state.

        It costs less than `reading`, and is enough for one statement.
        """
        return _Asking(self.engine, self._idle) if self.is_sqlite else self._asking_engine.connect()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees a single state of the database, and must not change it."""
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
        """Yield a connection whose changes are committed when the block ends; after an error, none.

        Raises DatabaseBusyError, and CommitLostError if the outcome is unknown.
        """
        if not self.is_sqlite:
            with self.engine.connect() as connection:
                connection.begin()
                yield connection
                _commit(connection)
            return
        with self._writer, self._writing_engine.connect() as connection:
            with span("sql", BEGIN):
                _begin_immediate(connection)
            yield connection
            _commit(connection)

    def ping(self) -> None:
        """Raise sqlalchemy.exc.SQLAlchemyError if the database does not answer."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()
        if self.is_sqlite:
            self._writing_engine.dispose()


class _Asking:
    """Lends a connection to SQLite, and keeps it for the next who asks.

    The pool takes longer to lend and to clean one than SQLite for a small statement. A connection
    goes back to it after an error, and with the transaction that SQLAlchemy's own statements begin.
    """

    __slots__ = ("_connection", "_engine", "_idle")

    def __init__(self, engine: Engine, idle: list[Connection]) -> None:
        self._engine = engine
        self._idle = idle

    def __enter__(self) -> Connection:
        try:
            self._connection = self._idle.pop()
        except IndexError:
            self._connection = self._engine.connect()
        return self._connection

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is None and not self._connection.in_transaction():
            self._idle.append(self._connection)
        else:
            self._connection.close()


def _check_idle_connections(engine: Engine) -> None:
    """Replace pooled connections that broke while they were idle: the server has restarted.

    SQLAlchemy's `pool_pre_ping` would ask before each use, however short ago the last one was.
    """

    def note_use(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = time.monotonic()

    def check(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        now = time.monotonic()
        if now - record.info.get(_USED_AT, now) < MAX_IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", check)


def _is_of_failure(record: logging.LogRecord) -> bool:
    """Say no to a rollback that ends because its greenlet is killed: the pool drops the connection.

    It would be logged with a traceback, at a stop like any other.
    """
    error = record.exc_info[1] if record.exc_info else None
    return error is None or isinstance(error, Exception)


def _prepare_session(connection: Any, _record: object) -> None:
    """Set how the server detects a dead client; PgBouncer refuses these as startup options."""
    connection.execute(SERVER_SETTINGS)
    connection.commit()


def _make_private(_dialect: object, _record: object, args: Any, _options: object) -> None:
    """Create the file before SQLite does, which would make it readable for everybody."""
    # SQLite itself reports a missing directory.
    with suppress(OSError):
        if args[0] != ":memory:":
            make_private(Path(args[0]))


def _prepare_reader(connection: Any, _record: object) -> None:
    _prepare_sqlite(connection)
    # For the rare locks that readers meet: recovery, the end of a checkpoint.
    connection.execute("PRAGMA busy_timeout = 250")


def _prepare_writer(connection: Any, _record: object) -> None:
    _prepare_sqlite(connection)
    connection.execute("PRAGMA busy_timeout = 0")


def _leave_unsynced(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


def _leave_unmapped(connection: Any, _record: object) -> None:
    # Jobs touch all of a large database in time, and each page that is mapped counts as memory.
    connection.execute("PRAGMA mmap_size = 0")


def _prepare_sqlite(connection: Any) -> None:
    # We begin transactions ourselves: the sqlite3 module would begin them late, as readers, and one
    # of two that want to write would fail.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 5000")  # While the mode is changed to WAL.
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock; sleep between attempts."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    pause = LOCK_PAUSE_SECONDS
    # SQLAlchemy's transaction, which for this driver begins nothing; and the driver's connection,
    # because an attempt that fails costs SQLAlchemy twenty times as much.
    connection.begin()
    driver: Any = connection.connection.dbapi_connection
    while True:
        try:
            driver.execute(BEGIN)
        except sqlite3.OperationalError as error:
            if not _is_lock(error):
                raise OperationalError(BEGIN, None, error) from error
            if time.monotonic() > deadline:
                raise DatabaseBusyError("the database is locked") from error
        else:
            return
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 # not a secret
        pause = min(pause * 2, MAX_LOCK_PAUSE_SECONDS)


def _commit(connection: Connection) -> None:
    try:
        with span("sql", "COMMIT"):
            connection.commit()
    except DBAPIError as error:
        # The disk is full, so SQLite has stored nothing.
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise
        reason = error.orig or error
        raise CommitLostError(error.statement, error.params, reason) from error


def _is_lock(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
