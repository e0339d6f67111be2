"""Locks that a killed process cannot keep: the kernel's on a file, PostgreSQL's on a session."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from ngw2f.store.database import Database


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait until no other process of this machine is in such a block, and keep others waiting."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def turn(database: Database, path: Path, key: int) -> Iterator[bool]:
    """Say whether this process has the turn, of all that use the database; do not wait for it.

    With SQLite these are on this machine and lock the file *path*; PostgreSQL keeps a lock
    under the number *key* for the session.
    """
    if database.is_sqlite:
        with _try_file_lock(path) as has_turn:
            yield has_turn
        return
    with database.engine.connect() as connection:
        parameters = {"key": key}
        has_turn = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), parameters)
        connection.commit()
        try:
            yield bool(has_turn)
        finally:
            if has_turn:
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
