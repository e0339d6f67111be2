"""Whether there is a chat in a database, and one that this version of the chat can work with."""

from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError

from ngw2f.settings import Settings
from ngw2f.store.migrate import TABLES, known_versions, newest_version
from ngw2f.store.private import sqlite_path
from ngw2f.store.reasons import of_another_program, why_no_engine


class UnusableError(Exception):
    """It is no database of this chat; the message is one line that says what it is."""


class NewerError(UnusableError):
    """It is one of a newer version, beside which an older one may go on."""


def check_chat(settings: Settings, *, any_version: bool = False) -> None:
    """Raise UnusableError unless there is a chat in the database, of this version.

    SQLite's file, which the first look would make, is not made. Raises SQLAlchemyError where the
    database cannot be asked.
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
    """Raise UnusableError unless there is a chat in the database, of whichever version."""
    tables = set(inspect(connection).get_table_names())
    if tables >= TABLES:
        return
    others = sorted(tables - {"alembic_version"})
    if not others:
        raise UnusableError("it is empty: there is no chat in it yet; run `ngw2f migrate`")
    raise UnusableError(of_another_program(others))


def check_version(connection: Connection) -> str:
    """Return a chat's schema, which is the newest. Raises UnusableError where it is not."""
    version = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    newest = newest_version()
    if version == newest:
        return version
    sentence = f"its schema is {version}, the newest is {newest}"
    if version not in known_versions():
        raise NewerError(f"{sentence}; it is of a newer version of the chat, which must be run")
    raise UnusableError(f"{sentence}; run `ngw2f migrate`")
