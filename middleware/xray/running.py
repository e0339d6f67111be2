"""Know which layer is at work, in each thread and greenlet, and how long.

A context variable has its own value in each thread and each greenlet, so the work of concurrent
requests stays apart. A body that is iterated elsewhere than it was made brings its own visit.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import cast

from middleware import spans
from middleware.xray.visit import Visit

clock = time.perf_counter

RUNNING = cast("ContextVar[Visit | None]", spans.RUNNING)


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
