"""How the connections of a worker take turns, and the addresses that they come from.

gevent works off all that has come before it looks at its sockets again. So a hundred clients
that send without end would make everybody wait for a hundred pieces of work.
"""

import time
from collections import OrderedDict, deque

import gevent
from gevent.event import Event

# So much is worked off before the loop looks at the sockets again.
SLICE_SECONDS = 0.005
# Not zero: only after a timer does it look.
LOOP_SECONDS = 1e-6


class Turnstile:
    """Lets pieces of work through, for a while in each turn of the loop.

    Addresses take turns, and what comes from one goes through in the order in which it came: so
    whoever opens thousands of connections waits behind everybody else. Between two turns, what
    has just come to other sockets is taken.
    """

    def __init__(self) -> None:
        # A semaphore of gevent's would let who has just left in before those who wait.
        self._waiting: OrderedDict[str, deque[Event]] = OrderedDict()
        self._turn = -1
        self._until = 0.0

    def go_through(self, address: str = "") -> None:
        """Wait until this turn has time for another piece of an address's work."""
        if self._waiting or not self._has_time():
            self._queue(address)

    def _queue(self, address: str) -> None:
        is_next = Event()
        if not self._waiting:
            is_next.set()
        self._waiting.setdefault(address, deque()).append(is_next)
        try:
            is_next.wait()
            while not self._has_time():
                gevent.sleep(LOOP_SECONDS)
        finally:
            self._leave(address, is_next)

    def _leave(self, address: str, is_next: Event) -> None:
        """Go, through or killed; whoever was next names the one after."""
        of_address = self._waiting[address]
        of_address.remove(is_next)
        if not of_address:
            del self._waiting[address]
        elif is_next.is_set():
            self._waiting.move_to_end(address)
        if is_next.is_set() and self._waiting:
            next(iter(self._waiting.values()))[0].set()

    def _has_time(self) -> bool:
        turn, now = gevent.get_hub().loop.iteration, time.monotonic()
        if turn != self._turn:
            self._turn, self._until = turn, now + SLICE_SECONDS
        return now < self._until
