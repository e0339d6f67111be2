"""Whether the database has the newest schema already, asked without SQLAlchemy and Alembic.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from ngw2f.locks import file_lock
from ngw2f.settings import Settings

# A chat of any version has these tables.
TABLES = {"users", "tokens", "rooms", "memberships", "messages", "alembic_version"}

# Held while the schema of an SQLite database changes.
MIGRATION_FILE = "migrate.lock"

# Held while the schema of a PostgreSQL database changes. No other program on the same server is
# likely to use the number.
MIGRATION_KEY = 0x6E677732

# If somebody holds the database for longer, the migration waits for that instead.
LOCK_SECONDS = 1.0

# Each is named after the version that it makes.
MIGRATIONS = Path(__file__).parent / "migrations" / "versions"


def is_current(settings: Settings) -> bool:
    """Say whether the database is SQLite's under `data_dir`, and needs no migration.

    Return False for anything else, and after an error: `migrate` looks at it then.
    """
    path = settings.data_path / "chat.sqlite3"
    if settings.database_url:
        return False
    url = f"file:{quote(os.fsencode(path))}?mode=rw"
    try:
        # A path that cannot be looked at raises, too.
        if not path.is_file():
            return False
        with (
            file_lock(settings.data_path / MIGRATION_FILE),
            closing(sqlite3.connect(url, LOCK_SECONDS, uri=True)) as database,
        ):
            return _is_current(database)
    except (OSError, sqlite3.Error):
        return False


def known_schemas() -> set[str]:
    """Return the names of all schemas that this version of the chat can migrate from."""
    return {path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py")}


def newest_schema() -> str:
    """Return the name of this version's schema."""
    return max(known_schemas())


def _is_current(database: sqlite3.Connection) -> bool:
    versions = list(database.execute("SELECT version_num FROM alembic_version"))
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    modes = list(database.execute("PRAGMA journal_mode"))
    # As the migration does. It fails if this user cannot write what a crash left of the WAL.
    database.execute("BEGIN IMMEDIATE")
    return versions == [(newest_schema(),)] and tables >= TABLES and modes == [("wal",)]
