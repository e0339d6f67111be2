"""Bring the database to the newest schema, once, however many processes ask for it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ngw2f.settings import Settings
from ngw2f.store.private import make_private, sqlite_path

# Any number that no other program on the same PostgreSQL server is likely to use.
ADVISORY_LOCK = 0x6E677732
LOCK_FILE = "migrate.lock"


class MigrationError(Exception):
    """It cannot be done, now or ever; the message is one line that says why."""


def migrate(settings: Settings) -> None:
    """Run the migrations that the database has not seen yet. Creates what is missing.

    Raises MigrationError where there is no driver, or the database is ahead of this code.
    """
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if path := sqlite_path(settings.sqlalchemy_url):
            make_private(path)
        engine = create_engine(settings.sqlalchemy_url, hide_parameters=True)
    except (ArgumentError, ImportError, ValueError) as error:
        raise MigrationError(why_no_engine(error)) from error
    try:
        with engine.connect() as connection, _alone(connection, settings.data_path):
            command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        reason = f"it is of a newer version of the chat ({error})"
        raise MigrationError(reason) from error
    finally:
        engine.dispose()


def why_no_engine(error: Exception) -> str:
    """Say in a line why SQLAlchemy makes no engine of a URL, which may hold a password."""
    if isinstance(error, ImportError):
        return f"its driver is not installed ({error})"
    return str(error) if isinstance(error, NoSuchModuleError) else "this is no URL of a database"


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "ngw2f.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def known_versions() -> set[str]:
    """Return the names of all schemas that this version of the chat can go on from."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return {script.revision for script in scripts.walk_revisions()}


@contextmanager
def _alone(connection: Connection, data_path: Path) -> Iterator[None]:
    """Wait until no other process migrates this database, and keep others waiting."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()
        return
    lock = os.open(data_path / LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The file remembers it. Left to the processes that come next, they would
        # get in each other's way: the change needs the database for itself.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.commit()
        # Python begins no transaction for a change of the schema. Without one, a migration that a
        # full disk or a kill has cut off could never go on: half of it would be there already.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        connection.commit()
    finally:
        os.close(lock)
