"""Locks that end with the process that holds them: on a file, or on a PostgreSQL session.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def file_lock(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on *path* for the block, exclusive unless *shared*; wait for it first."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def is_locked(path: Path) -> bool:
    """Say whether a process holds an exclusive lock on *path*."""
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


@contextmanager
def try_lock(engine: "Engine", path: Path, key: int) -> Iterator[bool]:
    """Try to lock out all other processes that use the database; yield whether it worked.

    Do not wait. Users of SQLite are all on this machine and lock the file *path*; PostgreSQL
    keeps a lock under the number *key* for the session.
    """
    if engine.dialect.name == "sqlite":
        with _try_file_lock(path) as has_lock:
            yield has_lock
        return
    from sqlalchemy import text

    with engine.connect() as connection:
        parameters = {"key": key}
        has_lock = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), parameters)
        connection.commit()
        try:
            yield bool(has_lock)
        finally:
            if has_lock:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), parameters)
                connection.commit()


@contextmanager
def _try_file_lock(path: Path) -> Iterator[bool]:
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        yield False
        return
    try:
        yield True
    finally:
        os.close(lock)
