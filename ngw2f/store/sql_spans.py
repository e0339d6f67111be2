"""Show a request's statements of SQL in its X-ray (`middleware/xray/`)."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext

from middleware.spans import span
from ngw2f.store.database import Database

_WORK = "_ngw2f_work"


def record_statements(database: Database) -> None:
    """Make each statement a span of the request that runs it. Parameters are not recorded."""
    for engine in database.engines:
        event.listen(engine, "before_cursor_execute", _begin)
        event.listen(engine, "after_cursor_execute", _end)
        event.listen(engine, "handle_error", _fail)


def _begin(
    connection: Connection,
    cursor: Any,
    statement: str,
    parameters: Any,
    context: Any,
    executemany: bool,
) -> None:
    work = span("sql", statement)
    found = work.__enter__()
    setattr(context, _WORK, (work, found))


def _end(
    connection: Connection,
    cursor: Any,
    statement: str,
    parameters: Any,
    context: Any,
    executemany: bool,
) -> None:
    work, found = getattr(context, _WORK)
    if cursor.rowcount >= 0:
        found.set(rows=cursor.rowcount)
    work.__exit__(None, None, None)


def _fail(failure: ExceptionContext) -> None:
    context = failure.execution_context
    if context is not None and hasattr(context, _WORK):
        error = failure.original_exception
        getattr(context, _WORK)[0].__exit__(type(error), error, None)
