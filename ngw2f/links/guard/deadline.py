"""One moment at which a fetch is over, whatever it is waiting for."""

import time
from collections.abc import Callable

from ngw2f.links.guard.errors import LinkFailed


class Deadline:
    """`seconds` from now, on a clock that never goes back."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Give the seconds that are left, more than 0; raise `LinkFailed` when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise self.failure()
        return left

    def failure(self) -> LinkFailed:
        return LinkFailed("timeout", f"the site took longer than {self._seconds:g} s in all")
