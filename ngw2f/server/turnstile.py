"""Let the connections of a worker take turns, by the address that they come from.

gevent handles all data that has arrived before it polls its sockets again. So a hundred clients
that send without pause would make everybody else wait for a hundred pieces of work.
"""

import time
from collections import OrderedDict, deque

import gevent
from gevent.event import Event

# How long work may go on before the loop polls the sockets again.
SLICE_SECONDS = 0.005
# Not zero: the loop polls only after a timer.
LOOP_SECONDS = 1e-6


class Turnstile:
    """Lets pieces of work through, for a limited time in each turn of the loop.

    Addresses take turns, and the work of one address keeps its order: so a client that opens
    thousands of connections waits behind everybody else. Between two turns the loop reads what
    has arrived at other sockets.
    """

    def __init__(self) -> None:
        # A gevent semaphore would let a client that has just left in before those that wait.
        self._waiting: OrderedDict[str, deque[Event]] = OrderedDict()
        self._turn = -1
        self._until = 0.0

    def go_through(self, address: str = "") -> None:
        """Wait until this turn of the loop has time for another piece of an address's work."""
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
        """Leave the queue, whether let through or killed, and wake the next in line."""
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
