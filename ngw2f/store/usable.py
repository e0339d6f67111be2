"""Whether a database has a chat, of a version that this one can work with."""

from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError

from ngw2f.settings import Settings
from ngw2f.store.current import TABLES, known_schemas, newest_schema
from ngw2f.store.file_modes import sqlite_path
from ngw2f.store.reasons import of_another_program, why_no_engine


class UnusableError(Exception):
    """The database has no chat of this version; the message is one line that says why."""


class NewerError(UnusableError):
    """The database is of a newer version; an older chat that is running may go on using it."""


def check_chat(settings: Settings, *, any_version: bool = False) -> None:
    """Raise UnusableError unless the database has a chat, of this version.

    Does not create SQLite's file, as connecting would. Raises SQLAlchemyError if the database does
    not answer.
    """
    try:
        path = sqlite_path(settings.sqlalchemy_url)
        if path and not path.exists():
            raise UnusableError(f"there is no database at {path}; run `ngw2f migrate`")
        engine = create_engine(settings.sqlalchemy_url, poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ImportError, ValueError) as error:
        raise UnusableError(why_no_engine(error)) from error
    try:
        with engine.connect() as connection:
            find_chat(connection)
            if not any_version:
                check_version(connection)
    finally:
        engine.dispose()


def find_chat(connection: Connection) -> None:
    """Raise UnusableError unless the database has a chat, of any version."""
    tables = set(inspect(connection).get_table_names())
    if tables >= TABLES:
        return
    others = sorted(tables - {"alembic_version"})
    if not others:
        raise UnusableError("it is empty: there is no chat in it yet; run `ngw2f migrate`")
    raise UnusableError(of_another_program(others))


def check_version(connection: Connection) -> str:
    """Return the version of a chat's schema. Raises UnusableError if it is not the newest."""
    version = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    newest = newest_schema()
    if version == newest:
        return version
    sentence = f"its schema is {version}, the newest is {newest}"
    if version not in known_schemas():
        raise NewerError(f"{sentence}; it is of a newer version of the chat: run that version")
    raise UnusableError(f"{sentence}; run `ngw2f migrate`")
