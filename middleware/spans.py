"""Measure a piece of work inside a layer, for whoever records the request.

`middleware.xray` does. Without a recorder a span costs a look at a context variable, so it
may stay in code that always runs. This module imports nothing of X-ray.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol


class Work(Protocol):
    """What is known of a piece of work."""

    def set(self, **facts: object) -> None:
        """Add facts to it, such as `rows=3`; never what may be secret."""


class Worker(Protocol):
    """The layer that runs, as the recorder knows it."""

    def begin_span(self, kind: str, detail: str) -> Work:
        """Begin a piece of work."""

    def end_span(self, work: Any, error: type[BaseException] | None) -> None:
        """End a piece of work; *error* is the type of the exception that ended it, if one did."""


# An object whose `visit` is the layer that runs in this thread or greenlet; None if no recorded
# request runs here.
RUNNING: ContextVar[Any] = ContextVar("middleware.spans", default=None)


class span:  # noqa: N801 # It is used as a function.
    """Record a piece of work in the trace of the request that runs it, if it is recorded.

    For example, around a statement of SQL::

        with span("sql", "SELECT ... WHERE id = ?") as work:
            rows = execute(...)
            work.set(rows=len(rows))

    `kind`: what it is, such as `sql`, `redis` or `job`.
    `detail`: the statement or name, without values that may be secret.
    """

    __slots__ = ("_detail", "_kind", "_work", "_worker")

    def __init__(self, kind: str, detail: str = "") -> None:
        self._kind = kind
        self._detail = detail

    def __enter__(self) -> Work:
        running = RUNNING.get()
        worker: Worker | None = None if running is None else running.visit
        self._worker = worker
        self._work = NOT_RECORDED if worker is None else worker.begin_span(self._kind, self._detail)
        return self._work

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._worker is not None:
            self._worker.end_span(self._work, error_type)


class NotRecorded:
    """Stands in for the work of a request that is not recorded."""

    __slots__ = ()

    def set(self, **facts: object) -> None:
        """Forget them."""


NOT_RECORDED: Work = NotRecorded()
