"""What a worker's clients have been sent and have not read: bounded for all of them together."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# So many bytes of long answers wait for their clients; an answer alone may have more.
MAX_UNSENT_BYTES = 256 * 1024 * 1024


class Unsent:
    """Counts the long answers that wait for their clients, and cuts off whoever is slowest.

    Of a stream no client holds bytes of its own, so streams are not counted.
    """

    def __init__(self, max_bytes: int = MAX_UNSENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        # Sizes, and what cuts a client off; who read something latest is last.
        self._waiting: OrderedDict[object, tuple[int, Callable[[], None]]] = OrderedDict()

    @contextmanager
    def holding(self, size: int, cut_off: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Count so many bytes during the block; it calls what it is given when some are read."""
        answer = object()
        self._waiting[answer] = (size, cut_off)
        self._bytes += size
        while self._bytes > self._max_bytes and len(self._waiting) > 1:
            self._forget(next(iter(self._waiting)))()
        try:
            yield lambda: self._note_progress(answer)
        finally:
            if answer in self._waiting:
                self._forget(answer)

    def _note_progress(self, answer: object) -> None:
        if answer in self._waiting:
            self._waiting.move_to_end(answer)

    def _forget(self, answer: object) -> Callable[[], None]:
        size, cut_off = self._waiting.pop(answer)
        self._bytes -= size
        return cut_off
