"""A PostgreSQL database that one test after another has to itself."""

import itertools
import os

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from ngw2f.settings import Settings
from ngw2f.store.migrate import migrate
from ngw2f.store.schema import metadata
from tests.waiting import wait_until

# Changes when a table or a column is made, altered or dropped, also if the next one is equal.
SHAPE = text(r"""
    SELECT string_agg(concat_ws(' ', n.nspname, c.oid, c.relname, a), ',' ORDER BY c.oid, attnum)
    FROM pg_namespace n
    LEFT JOIN pg_class c ON c.relnamespace = n.oid
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname !~ '^(pg_|information_schema$)'
""")
# Whoever is left behind by a test would hold its locks; waits until they have ended.
END_OTHERS = text("""
    SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
""")
# TRUNCATE makes 45 new files, which takes longer than to delete a few rows.
EMPTY = text("; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)))
VERSION = text("SELECT version_num FROM alembic_version")
SEQUENCES = text("SELECT sequencename, start_value, last_value FROM pg_sequences")
SET_SEQUENCE = text("SELECT setval(:sequencename, coalesce(:last_value, :start_value), :is_used)")


class LentDatabase:
    """A migrated database, emptied between tests; made anew if one has changed its tables."""

    def __init__(self, server_url: str, directory: str) -> None:
        self._server_url = server_url
        self._names = (f"chat_test_{os.getpid()}_{number}" for number in itertools.count(1))
        self._template = f"chat_template_{os.getpid()}"
        _on_server(server_url, f"CREATE DATABASE {self._template}")
        migrate(Settings(data_dir=directory, database_url=self._url_of(self._template)))
        self._create()

    def clean(self) -> None:
        """Leave it as it was migrated."""
        if not self._is_emptied():
            name = self._name
            wait_until(lambda: _is_dropped(self._server_url, name))
            self._create()

    def _create(self) -> None:
        self._name = next(self._names)
        _on_server(self._server_url, f"CREATE DATABASE {self._name} TEMPLATE {self._template}")
        self.url = self._url_of(self._name)
        self._engine = create_engine(self.url, poolclass=NullPool)
        with self._engine.connect() as connection:
            self._shape = connection.scalar(SHAPE)
            self._version = connection.scalars(VERSION).all()
            self._sequences = connection.execute(SEQUENCES).mappings().all()
            self._rows = {
                table: [dict(row) for row in connection.execute(table.select()).mappings()]
                for table in metadata.sorted_tables
            }

    def _is_emptied(self) -> bool:
        """Empty it, unless its tables are no longer the same."""
        with self._engine.begin() as connection:
            connection.execute(END_OTHERS)
            if connection.scalar(SHAPE) != self._shape:
                return False
            if connection.scalars(VERSION).all() != self._version:
                return False
            connection.execute(EMPTY)
            for table, rows in self._rows.items():
                if rows:
                    connection.execute(table.insert(), rows)
            for sequence in self._sequences:
                is_used = sequence["last_value"] is not None
                connection.execute(SET_SEQUENCE, {**sequence, "is_used": is_used})
        return True

    def _url_of(self, name: str) -> str:
        url = make_url(self._server_url).set(database=name)
        return url.render_as_string(hide_password=False)


def _on_server(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(statement))


def _is_dropped(server_url: str, name: str) -> bool:
    """Drop a database; those who use it have 5 s to let go of it, which can be too short."""
    try:
        _on_server(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    except OperationalError:
        return False
    return True
