"""How many requests one site gets from us at a time, whatever leads to it.

Links are handed out by where they lead, but a redirect or a page's picture may lead to anywhere:
a hundred pages of as many names could all send us to one victim.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ngw2f.links.guard.deadline import Deadline

MAX_AT_SITE: Final = 4


class Sites:
    """Counts the requests of all threads that share it."""

    def __init__(self, most: int = MAX_AT_SITE) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def place(self, site: str, deadline: Deadline) -> Iterator[None]:
        """Wait for a place at a site, and have it in the block; raise `LinkFailed` in time."""
        with self._changed:
            while self._counts[site] >= self._most:
                self._changed.wait(deadline.remaining())
            self._counts[site] += 1
        try:
            yield
        finally:
            with self._changed:
                self._counts[site] -= 1
                if not self._counts[site]:
                    del self._counts[site]
                self._changed.notify_all()
