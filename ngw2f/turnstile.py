"""How the connections of a worker take turns.

gevent works off all that has come before it looks at its sockets again. So a hundred clients
that send without end would make everybody wait for a hundred pieces of work.
"""

import time
from collections import deque

import gevent
from gevent.event import Event

# So much is worked off before the loop looks at the sockets again.
SLICE_SECONDS = 0.005
# Not zero: only after a timer does it look.
LOOP_SECONDS = 1e-6


class Turnstile:
    """Lets pieces of work through in the order in which they came, for a while in each turn.

    Between two turns, what has just come to other sockets is taken.
    """

    def __init__(self) -> None:
        # A semaphore of gevent's would let who has just left in before those who wait.
        self._waiting: deque[Event] = deque()
        self._turn = -1
        self._until = 0.0

    def go_through(self) -> None:
        """Wait until this turn has time for another piece of work."""
        if self._waiting or not self._has_time():
            self._queue()

    def _queue(self) -> None:
        is_first = Event()
        self._waiting.append(is_first)
        try:
            if self._waiting[0] is not is_first:
                is_first.wait()
            while not self._has_time():
                gevent.sleep(LOOP_SECONDS)
        finally:
            self._waiting.remove(is_first)
            if self._waiting:
                self._waiting[0].set()

    def _has_time(self) -> bool:
        turn, now = gevent.get_hub().loop.iteration, time.monotonic()
        if turn != self._turn:
            self._turn, self._until = turn, now + SLICE_SECONDS
        return now < self._until
