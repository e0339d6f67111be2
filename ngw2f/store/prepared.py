"""Statements that run many times a second, compiled once and run on the driver's own cursor.

SQLAlchemy takes ten times as long as SQLite for a small statement. The statement is still Core's,
for both databases, and errors are SQLAlchemy's, but values and rows are the driver's own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import ARRAY, Connection, Integer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from middleware.spans import span

T = TypeVar("T", bound=list[tuple[Any, ...]] | None)
Given = Mapping[str, Any]
Row = tuple[Any, ...]


class _Compiled(NamedTuple):
    """A statement in a dialect, with the names in their places if it has places."""

    text: str
    places: Sequence[str] | None
    # Values that are the statement's own.
    constants: Given
    # The names of lists (ngw2f/store/among.py), which go as text, and how that is written.
    lists: Sequence[str] = ()
    as_text: Callable[[Any], str] = str

    def bound(self, given: Given) -> Any:
        values = {**self.constants, **given}
        for name in self.lists:
            values[name] = self.as_text(values[name])
        return values if self.places is None else [values[name] for name in self.places]


def _as_json(values: list[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _as_array(ids: list[int]) -> str:
    """Return PostgreSQL's text of an array of integers."""
    return "{" + ",".join(map(str, ids)) + "}"


class Prepared:
    def __init__(self, statement: ClauseElement, *, is_planned_anew: bool = False) -> None:
        self._statement = statement
        # PostgreSQL plans it for its values each time, where they make a great difference.
        self._is_planned_anew = is_planned_anew
        # Nothing drops these: they depend on the dialect alone.
        self._compiled: dict[str, _Compiled] = {}

    def compile(self, dialect: Any) -> _Compiled:
        """Compile the statement for a dialect now, and not at its first use."""
        made: Any = self._statement.compile(dialect=dialect)
        places = made.positiontup if dialect.positional else None
        is_sqlite = dialect.name == "sqlite"
        lists = [
            name
            for name, each in made.binds.items()
            # Of other values, PostgreSQL's driver makes an array, at ten times the cost.
            if isinstance(each.type, ARRAY)
            and (is_sqlite or isinstance(each.type.item_type, Integer))
        ]
        compiled = self._compiled[dialect.name] = _Compiled(
            made.string, places, made.params, lists, _as_json if is_sqlite else _as_array
        )
        return compiled

    def fetch(self, connection: Connection, given: Given | None = None) -> list[Row]:
        """Return the rows of the statement."""

        def run(cursor: Any, compiled: _Compiled) -> list[Row]:
            bound = compiled.bound(given or {})
            if self._is_planned_anew and compiled.places is None:
                cursor.execute(compiled.text, bound, prepare=False)
            else:
                cursor.execute(compiled.text, bound)
            found: list[Row] = cursor.fetchall()
            return found

        return self._run(connection, run)

    def fetch_each(self, connection: Connection, parameters: Sequence[Given]) -> list[Row]:
        """Run the statement once for each of the parameters; return the one row of each."""

        def run(cursor: Any, compiled: _Compiled) -> list[Row]:
            bound = [compiled.bound(each) for each in parameters]
            if compiled.places is not None:
                return [cursor.execute(compiled.text, each).fetchone() for each in bound]
            if len(bound) == 1:
                return [cursor.execute(compiled.text, bound[0]).fetchone()]
            # The driver sends them all before it waits for the first.
            cursor.executemany(compiled.text, bound, returning=True)
            return [result.fetchone() for result in cursor.results()] if bound else []

        return self._run(connection, run)

    def run_each(self, connection: Connection, parameters: Sequence[Given]) -> None:
        """Run the statement, which returns no rows, once for each of the parameters."""

        def run(cursor: Any, compiled: _Compiled) -> None:
            cursor.executemany(compiled.text, [compiled.bound(each) for each in parameters])

        self._run(connection, run)

    def _run(self, connection: Connection, run: Callable[[Any, _Compiled], T]) -> T:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name) or self.compile(dialect)
        cursor: Any = connection.connection.cursor()
        try:
            with span("sql", compiled.text) as work:
                found = run(cursor, compiled)
                if found is not None:
                    work.set(rows=len(found))
            return found
        except dialect.loaded_dbapi.Error as error:
            of_driver = dialect.loaded_dbapi.Error
            is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
            if is_lost:
                # The pool would find out, too, with a traceback in the log.
                connection.invalidate(error)
            # Without the parameters, which may be what somebody wrote.
            raise DBAPIError.instance(
                compiled.text, None, error, of_driver, connection_invalidated=is_lost
            ) from error
        except BaseException as error:
            if not isinstance(error, Exception):
                # Killed while it waited: the answer to the statement is still to come.
                connection.invalidate(error)
            raise
        finally:
            cursor.close()
