"""One request to the application for many that wait for the same answer (RFC 9111 section 4).

The first request for a missing or stale response leads a *flight*; the others
wait until it has landed, and then look in the store again. If what was stored
does not suit them (another variant, not reusable), they are forwarded
themselves. A resource whose response could not be reused is remembered for a
while, and no request waits for it then: they would run one after another
("hit for miss").
"""

import threading
import time
from collections.abc import Callable

# The number of resources remembered as not worth waiting for; beyond it, all are forgotten.
_REMEMBERED = 4096


class Flight:
    """A request to the application that others may wait for."""

    __slots__ = ("_landed", "disconnected", "key", "stale_served", "waiters")

    def __init__(self, key: object) -> None:
        self.key = key
        self.waiters = 0
        # Set by the leader if it served a stale response in place of an error.
        self.stale_served = False
        # With that: the application could not reach what it needs, which allows more.
        self.disconnected = False
        # Made here, at run time: under gevent these are the cooperative primitives.
        self._landed = threading.Event()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until it has landed; False if that took too long."""
        return self._landed.wait(timeout_seconds)

    def land(self) -> None:
        """Wake the requests that wait."""
        self._landed.set()


class Flights:
    """The flights of one cache that have not landed."""

    def __init__(
        self,
        uncacheable_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uncacheable_seconds = uncacheable_seconds
        self._now = now
        self._lock = threading.Lock()
        self._flying: dict[object, Flight] = {}
        self._uncacheable: dict[object, float] = {}

    def join(self, key: object) -> tuple[Flight, bool]:
        """Return the flight for this key, and whether the caller leads it and must land it."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is not None:
                flight.waiters += 1
                return flight, False
            flight = self._flying[key] = Flight(key)
            return flight, True

    def land(self, flight: Flight, *, reusable: bool | None) -> None:
        """End a flight; landing twice does no harm.

        `reusable`: whether the answer serves others, None if the flight failed
        and says nothing about that.
        """
        with self._lock:
            if self._flying.get(flight.key) is not flight:
                return
            del self._flying[flight.key]
            if reusable:
                self._uncacheable.pop(flight.key, None)
            elif reusable is False:
                if len(self._uncacheable) >= _REMEMBERED:
                    self._uncacheable.clear()
                self._uncacheable[flight.key] = self._now() + self._uncacheable_seconds
        flight.land()

    def is_uncacheable(self, key: object) -> bool:
        """Return whether the last response for this key was not reusable."""
        until = self._uncacheable.get(key)
        return until is not None and self._now() < until
