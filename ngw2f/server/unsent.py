"""Bound the memory of answers that a worker's clients have not read yet.

How long a client may take to read is limited in `connection.py`, for streams in
`ngw2f/live/liveness.py`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Long answers may hold this many bytes together; a single answer may be longer.
MAX_UNSENT_BYTES = 256 * 1024 * 1024


class Unsent:
    """Counts the long answers that clients are reading, and disconnects the slowest clients.

    Streams are not counted: their clients hold no bytes of their own.
    """

    def __init__(self, max_bytes: int = MAX_UNSENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        # Sizes, and how to disconnect each client; the one that read most recently is last.
        self._waiting: OrderedDict[object, tuple[int, Callable[[], None]]] = OrderedDict()

    @contextmanager
    def holding(self, size: int, cut_off: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Count *size* bytes during the block, which calls the yielded function on progress."""
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
