"""The moment at which a fetch ends, whatever it is waiting for."""

import time
from collections.abc import Callable

from ngw2f.links.guard.errors import LinkFailed


class Deadline:
    """A point `seconds` from now, on a monotonic clock."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Return the remaining seconds, more than 0; raise `LinkFailed` if there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise self.failure()
        return left

    def failure(self) -> LinkFailed:
        return LinkFailed("timeout", f"the site took longer than {self._seconds:g} s in all")
