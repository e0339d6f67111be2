"""Migrate the database to the newest schema, once, however many processes try to.

gunicorn's master has it done before it starts a web worker (ngw2f/server/hooks.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError

from ngw2f.locks import file_lock
from ngw2f.settings import Settings
from ngw2f.store.current import MIGRATION_FILE, MIGRATION_KEY, TABLES
from ngw2f.store.file_modes import make_private, sqlite_path
from ngw2f.store.reasons import of_another_program, why_no_engine
from ngw2f.store.schema import metadata


class MigrationError(Exception):
    """The migration is impossible; the message is one line that says why."""


def migrate(settings: Settings) -> None:
    """Run the migrations that the database has not had yet. Creates what is missing.

    Raises MigrationError if there is no driver, or the database is of a newer version or of another
    program.
    """
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if path := sqlite_path(settings.sqlalchemy_url):
            make_private(path)
        engine = create_engine(settings.sqlalchemy_url, hide_parameters=True)
    except (ArgumentError, ImportError, ValueError) as error:
        raise MigrationError(why_no_engine(error)) from error
    if engine.dialect.is_async:
        raise MigrationError("its driver is an asynchronous one; use postgresql+psycopg")
    try:
        with engine.connect() as connection, _alone(connection, settings.data_path):
            _refuse_foreign(connection)
            command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        reason = f"it is of a newer version of the chat ({error})"
        raise MigrationError(reason) from error
    finally:
        engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "ngw2f.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _refuse_foreign(connection: Connection) -> None:
    """Raise MigrationError if the tables are another program's, of which some have our names.

    Other tables beside a whole chat's are fine.
    """
    tables = set(inspect(connection).get_table_names())
    is_migrated = "alembic_version" in tables and connection.scalar(
        text("SELECT count(*) FROM alembic_version")
    )
    if not tables >= TABLES if is_migrated else tables & set(metadata.tables):
        raise MigrationError(of_another_program(tables - {"alembic_version"}))


@contextmanager
def _alone(connection: Connection, data_path: Path) -> Iterator[None]:
    """Wait until no other process is migrating this database, and make others wait."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_KEY})
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_KEY})
            connection.commit()
        return
    with file_lock(data_path / MIGRATION_FILE):
        # The file keeps this mode. If it were left to the processes that start next, they would
        # disturb each other, because changing the mode needs exclusive access.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.commit()
        # Python begins no transaction for a change of the schema. Without one, a migration cut off
        # by a full disk or a kill could never be completed, because half of it would be stored.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        connection.commit()
