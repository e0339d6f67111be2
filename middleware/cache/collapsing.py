"""One request to the application for many that wait for the same answer (RFC 9111 section 4).

The first request for a missing or stale response leads a *flight*; the others
wait until it has landed and then look in the store again. That look decides: if
what was stored does not suit them (another variant, not reusable), they go on
by themselves. A resource whose answer could not be reused is remembered for a
while, and nobody waits for it then: requests for it would come one after
another ("hit for miss").
"""

import threading
import time
from collections.abc import Callable

# So many resources are remembered as not worth waiting for; then the memory is emptied.
_REMEMBERED = 4096


class Flight:
    """A request to the application that others may wait for."""

    __slots__ = ("_landed", "disconnected", "key", "stale_served", "waiters")

    def __init__(self, key: object) -> None:
        self.key = key
        self.waiters = 0
        # Set by the leader if an error came, and a stale response stood in for it.
        self.stale_served = False
        # With that: the application could not reach what it needs, which allows more.
        self.disconnected = False
        # Made here, at run time: under gevent these are the cooperative primitives.
        self._landed = threading.Event()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until it has landed; False if that took too long."""
        return self._landed.wait(timeout_seconds)

    def land(self) -> None:
        """Let the waiting go on."""
        self._landed.set()


class Flights:
    """The requests of one cache that are on their way."""

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
        """Give the flight for this key, and whether the caller leads it and so must land it."""
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
        """Say whether the last answer for this key was of no use to others."""
        until = self._uncacheable.get(key)
        return until is not None and self._now() < until
