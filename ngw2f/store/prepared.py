"""Statements that run many times a second: compiled once, and run on the driver's own cursor.

SQLAlchemy takes ten times as long as SQLite for a small statement. The statement is still Core's,
for both databases, and errors are SQLAlchemy's, but values and rows are the driver's own: SQLite
returns 0 and 1 for booleans.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement


class _Compiled(NamedTuple):
    text: str
    # The names of the parameters in their order; None if the driver takes them by name.
    names: list[str] | None
    # Parameters that are the same each time.
    constants: dict[str, Any]


class Prepared:
    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        # Nothing drops these: a statement's text depends on the dialect alone.
        self._compiled: dict[str, _Compiled] = {}

    def fetch(self, connection: Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run the statement in the connection's transaction; return its rows."""
        with self._cursor(connection) as cursor:
            cursor.execute(*self._call(connection.dialect, parameters))
            return list(cursor.fetchall())

    def fetch_each(
        self, connection: Connection, parameters: Sequence[Mapping[str, Any]]
    ) -> list[tuple[Any, ...]]:
        """Run the statement once for each of the parameters; return the one row of each."""
        if not parameters:
            return []
        calls = [self._call(connection.dialect, each) for each in parameters]
        with self._cursor(connection) as cursor:
            if connection.dialect.name != "postgresql":
                return [cursor.execute(*call).fetchone() for call in calls]
            # The driver sends them all before it waits for the first.
            cursor.executemany(calls[0][0], [values for _, values in calls], returning=True)
            rows = [cursor.fetchone()]
            while cursor.nextset():
                rows.append(cursor.fetchone())
            return rows

    def _call(self, dialect: Dialect, parameters: Mapping[str, Any]) -> tuple[str, Any]:
        text, names, constants = self._compiled.get(dialect.name) or self._compile(dialect)
        values = {**constants, **parameters}
        return text, values if names is None else [values[name] for name in names]

    @contextmanager
    def _cursor(self, connection: Connection) -> Iterator[Any]:
        dialect = connection.dialect
        cursor: Any = connection.connection.cursor()
        try:
            yield cursor
        except dialect.loaded_dbapi.Error as error:
            # Without the parameters, which may be what somebody wrote.
            raise DBAPIError.instance(
                str(self._statement),
                None,
                error,
                dialect.loaded_dbapi.Error,
                hide_parameters=True,
                dialect=dialect,
            ) from error
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        names: list[str] | None = getattr(compiled, "positiontup", None)
        self._compiled[dialect.name] = found = _Compiled(str(compiled), names, constants)
        return found
