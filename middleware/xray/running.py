"""Know which layer is at work, in each thread and greenlet, and how long.

A context variable has its own value in each thread and each greenlet, so the work of concurrent
requests stays apart. A body that is iterated elsewhere than it was made brings its own visit.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from types import TracebackType

from middleware.xray.spans import Span
from middleware.xray.visit import Visit

clock = time.perf_counter

RUNNING: ContextVar[Visit | None] = ContextVar("middleware.xray", default=None)


class Turn:
    """The time in which one layer runs, with those below that it calls meanwhile."""

    __slots__ = ("before", "begin", "phase", "phase_before", "visit")

    def __init__(self, visit: Visit, phase: int) -> None:
        self.visit = visit
        self.phase = phase
        self.phase_before = visit.phase
        self.before = RUNNING.get()
        visit.phase = phase
        RUNNING.set(visit)
        self.begin = clock()

    def end(self) -> None:
        seconds = clock() - self.begin
        visit, before = self.visit, self.before
        RUNNING.set(before)
        visit.phase = self.phase_before
        visit.seconds[self.phase] += seconds
        if before is not None:
            before.inner[before.phase] += seconds


class UpwardTurn:
    """The time in which a layer calls what the one above gave it: `start_response`, `write`.

    It happens within the lower layer's time, but it is the upper one's work.
    """

    __slots__ = ("before", "begin", "visit")

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.before = RUNNING.get()
        RUNNING.set(visit.parent)
        self.begin = clock()

    def end(self) -> None:
        seconds = clock() - self.begin
        visit = self.visit
        RUNNING.set(self.before)
        visit.inner[visit.phase] += seconds
        if visit.parent is not None:
            visit.parent.inner[visit.parent.phase] -= seconds


def at_work(visit: Visit) -> Visit:
    """Return the layer of this visit's request that runs now, as far as that is known."""
    running = RUNNING.get()
    return running if running is not None and running.trace is visit.trace else visit


class span:  # noqa: N801 # It is used as a function.
    """Record a piece of work in the trace of the request that runs it, if it is recorded.

    For example, around a statement of SQL::

        with span("sql", "SELECT ... WHERE id = ?") as work:
            rows = execute(...)
            work.set(rows=len(rows))

    `kind`: what it is, such as `sql`, `redis` or `job`.
    `detail`: the statement or name, without values that may be secret.
    """

    __slots__ = ("_detail", "_kind", "_span")

    def __init__(self, kind: str, detail: str = "") -> None:
        self._kind = kind
        self._detail = detail

    def __enter__(self) -> Span:
        self._span: Span = UNRECORDED
        visit = RUNNING.get()
        if visit is None:
            return self._span
        began = visit.trace.seconds_since(clock())
        self._span = Span(self._kind, self._detail, visit.name, began)
        visit.trace.add_span(self._span)
        return self._span

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        visit = RUNNING.get()
        if visit is None or self._span is UNRECORDED:
            return
        self._span.seconds = visit.trace.seconds_since(clock()) - self._span.began
        self._span.error = None if error_type is None else error_type.__name__


class Unrecorded(Span):
    """Stands in for the span of a request that is not recorded."""

    __slots__ = ()

    def set(self, **facts: object) -> None:
        """Forget them."""


UNRECORDED = Unrecorded("", "", "", 0)
