"""Limit concurrent requests to each site, whatever leads to it.

The outbox limits links by site, but a redirect or a page's picture may lead anywhere: a hundred
pages under different names could all lead to one victim.
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
        """Wait for a slot at a site and hold it in the block; raise `LinkFailed` if too late."""
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
