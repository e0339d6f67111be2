"""Whether a PostgreSQL database has the newest schema already, asked by its driver alone.

Each start asks, and would wait a third of a second for SQLAlchemy and Alembic to load.
"""

import re

from ngw2f.settings import Settings
from ngw2f.store.current import MIGRATION_KEY, TABLES, newest_schema

# What SQLAlchemy and libpq read in the same way: little is encoded, and there is one host.
PLAIN_URL = re.compile(
    r"postgresql\+psycopg://([\w.-]+(:[\w.-]+)?@)?([\w.-]+(:[0-9]+)?)?/[\w-]+"
    r"(\?host=(%2F|[\w./-])+)?",
    re.ASCII,
)
# The migration takes its time if this is too short.
CONNECT_SECONDS = 5


def is_current_postgresql(settings: Settings) -> bool:
    """Say whether the database is PostgreSQL's, and needs no migration.

    Return False for anything else, and after an error: `migrate` looks at it then.
    """
    if not PLAIN_URL.fullmatch(settings.database_url):
        return False
    try:
        import psycopg
    except ImportError:
        return False
    url = settings.database_url.replace("+psycopg", "", 1)
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            # Whoever changes the schema is waited for.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_KEY])
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).fetchall()
    except psycopg.Error:
        return False
    return versions == [(newest_schema(),)] and {name for (name,) in tables} >= TABLES
