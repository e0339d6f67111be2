"""Whether the chat is running on a database, for operations that need it stopped.

The processes that use an SQLite file are on one machine and share a lock file; PostgreSQL knows
who is connected, from any host.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection, NullPool, create_engine, text

from ngw2f.settings import Settings
from ngw2f.store.current import MIGRATION_FILE, MIGRATION_KEY

IN_USE_FILE = "in-use.lock"

OTHERS = text(
    "SELECT coalesce(nullif(application_name, ''), 'a program') || ' as ' || usename"
    " || coalesce(' from ' || client_addr, '')"
    " FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL"
    " AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') = 'client backend'"
    " ORDER BY 1"
)


class InUseError(Exception):
    """The database is in use; the message is one line that says by whom."""


class UseNote:
    """The shared lock of a process that uses SQLite; it ends with the process in any case."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._descriptor: int | None = None

    def note(self) -> None:
        """Take the lock that says the database is in use; wait while a backup is restored."""
        if self._descriptor is None and self._settings.sqlalchemy_url.startswith("sqlite"):
            self._descriptor = _open(self._settings, IN_USE_FILE)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def exclusive_use(settings: Settings) -> Iterator[None]:
    """Keep the chat from starting during the block. Raises InUseError if it is running.

    Migrations and starting processes wait meanwhile.
    """
    if settings.sqlalchemy_url.startswith("sqlite"):
        with _exclusive_files(settings):
            yield
        return
    engine = create_engine(settings.sqlalchemy_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_KEY})
        connection.commit()
        _refuse_others(connection)
        yield
    # The lock ends with the session.


@contextmanager
def _exclusive_files(settings: Settings) -> Iterator[None]:
    with ExitStack() as stack:
        migrating, used = (_open(settings, name) for name in (MIGRATION_FILE, IN_USE_FILE))
        stack.callback(os.close, migrating)
        stack.callback(os.close, used)
        fcntl.flock(migrating, fcntl.LOCK_EX)
        try:
            fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            path = settings.data_path / IN_USE_FILE
            raise InUseError(f"the chat is running (it holds {path}); stop it first") from error
        yield


def _refuse_others(connection: Connection) -> None:
    others = list(connection.scalars(OTHERS))
    connection.commit()
    if others:
        count = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise InUseError(f"the database is in use by {others[0]}{count}; stop the chat first")


def _open(settings: Settings, name: str) -> int:
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(settings.data_path / name, os.O_CREAT | os.O_RDWR, 0o600)
