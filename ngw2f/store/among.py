"""`among(column, "ids")`: in a prepared statement, a column has one of the values of a list.

SQLAlchemy's `in_` writes a text of its own for each number of values, at ten times the cost of the
query. Here the list is one value: an array for PostgreSQL, and JSON for SQLite
(ngw2f/store/prepared.py).
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, Boolean, ColumnElement, Connection, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        # Or else SQLite, which has no booleans, is asked whether the condition is 1.
        return self


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition; *name* is that of the list among what the statement is given."""
    return _Among(column, bindparam(name, type_=ARRAY(column.type)))


def between(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a column has a value of a span."""
    return column.between(bindparam("first"), bindparam("last"))


def span_of(connection: Connection, ids: Collection[int], most: int) -> dict[str, int] | None:
    """Return the first and the last of some ids, for `between`; None if they are too far apart.

    A span has at most *most* ids. The caller leaves out those that it did not ask for: between two
    messages of a quiet room lie many of other rooms. For SQLite only, which finds a span more
    quickly than each of many ids; PostgreSQL would plan the statement anew for each span.
    """
    if connection.dialect.name != "sqlite":
        return None
    first, last = min(ids), max(ids)
    return {"first": first, "last": last} if last - first < most else None


@compiles(_Among, "postgresql")
def _as_array(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Among, "sqlite")
def _as_json(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 # the compiler's own
