"""Bring the database to the newest schema, once, however many processes ask for it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from ngw2f.settings import Settings

# Any number that no other program on the same PostgreSQL server is likely to use.
ADVISORY_LOCK = 0x6E677732


def migrate(settings: Settings) -> None:
    """Run the migrations that the database has not seen yet. Creates what is missing."""
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(settings.sqlalchemy_url)
    try:
        with engine.connect() as connection, _alone(connection, settings.data_path):
            command.upgrade(alembic_config(connection), "head")
    finally:
        engine.dispose()


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
    lock = os.open(data_path / "migrate.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The file remembers it. Left to the processes that come next, they would
        # get in each other's way: the change needs the database for itself.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.commit()
        yield
        connection.commit()
    finally:
        os.close(lock)
