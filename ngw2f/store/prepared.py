"""Statements that run many times a second, compiled once and run on the driver's own cursor.

SQLAlchemy takes ten times as long as SQLite for a small statement. The statement is still Core's,
for both databases, and errors are SQLAlchemy's, but values and rows are the driver's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement


class Prepared:
    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        # Nothing drops these: they depend on the dialect alone.
        self._compiled: dict[str, Any] = {}

    def fetch_each(
        self, connection: Connection, parameters: Sequence[Mapping[str, Any]]
    ) -> list[tuple[Any, ...]]:
        """Run the statement once for each of the parameters; return the one row of each."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = self._statement.compile(dialect=dialect)
        compiled = self._compiled[dialect.name]
        values = [compiled.construct_params(each) for each in parameters]
        cursor: Any = connection.connection.cursor()
        try:
            if dialect.positional:
                rows = [[each[name] for name in compiled.positiontup] for each in values]
                return [cursor.execute(compiled.string, row).fetchone() for row in rows]
            # The driver sends them all before it waits for the first.
            cursor.executemany(compiled.string, values, returning=True)
            return [result.fetchone() for result in cursor.results()] if values else []
        except dialect.loaded_dbapi.Error as error:
            of_driver = dialect.loaded_dbapi.Error
            # Without the parameters, which may be what somebody wrote.
            raise DBAPIError.instance(compiled.string, None, error, of_driver) from error
        finally:
            cursor.close()
