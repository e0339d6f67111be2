"""Know which layer is at work, in each thread and greenlet, and how long.

A context variable has its own value in each thread and each greenlet, so the work of concurrent
requests stays apart. A body that is iterated elsewhere than it was made brings its own visit.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import cast

from middleware import spans
from middleware.xray.visit import INNER, Journey, Visit

clock = time.perf_counter


class Cursor:
    """Which layer of a request is at work, where its thread or greenlet finds it.

    It is set once for a request in each of them, as setting a context variable costs more.
    """

    __slots__ = ("trace", "visit")

    def __init__(self, trace: Journey) -> None:
        self.trace = trace
        self.visit: Visit | None = None


RUNNING = cast("ContextVar[Cursor | None]", spans.RUNNING)


class Turn:
    """The time in which one layer runs, with those below that it calls meanwhile."""

    __slots__ = ("before", "begin", "cursor", "outer", "phase", "phase_before", "visit")

    def __init__(self, visit: Visit, trace: Journey, phase: int, begin: float) -> None:
        cursor = RUNNING.get()
        self.outer = cursor
        if cursor is None or cursor.trace is not trace:
            cursor = Cursor(trace)
            RUNNING.set(cursor)
        self.cursor = cursor
        self.before = cursor.visit
        cursor.visit = visit
        self.visit = visit
        self.phase = phase
        self.phase_before = visit.phase
        visit.phase = phase
        self.begin = begin

    def end(self) -> float:
        """End it, and return when, by the clock."""
        now = clock()
        seconds = now - self.begin
        visit, before, cursor = self.visit, self.before, self.cursor
        cursor.visit = before
        if self.outer is not cursor:
            RUNNING.set(self.outer)
        visit.phase = self.phase_before
        visit.times[self.phase] += seconds
        if before is not None:
            before.times[INNER + before.phase] += seconds
        return now


class UpwardTurn:
    """The time in which a layer calls what the one above gave it: `start_response`, `write`.

    It happens within the lower layer's time, but it is the upper one's work.
    """

    __slots__ = ("before", "begin", "cursor", "upper", "visit")

    def __init__(self, visit: Visit, upper: Visit | None, begin: float) -> None:
        self.visit = visit
        self.upper = upper
        cursor = RUNNING.get()
        if cursor is not None and cursor.trace is not visit.trace:
            cursor = None
        self.cursor = cursor
        if cursor is not None:
            self.before = cursor.visit
            cursor.visit = upper
        self.begin = begin

    def end(self) -> None:
        seconds = clock() - self.begin
        visit = self.visit
        if self.cursor is not None:
            self.cursor.visit = self.before
        visit.times[INNER + visit.phase] += seconds
        upper = self.upper
        if upper is not None:
            upper.times[INNER + upper.phase] -= seconds


def now_running() -> Visit | None:
    """Return the layer that runs here."""
    cursor = RUNNING.get()
    return None if cursor is None else cursor.visit


def at_work(visit: Visit) -> Visit:
    """Return the layer of this visit's request that runs now, as far as that is known."""
    running = now_running()
    return running if running is not None and running.trace is visit.trace else visit
