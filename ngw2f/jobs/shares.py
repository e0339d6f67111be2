"""Fair scheduling: the author who has used the least processor time lately comes next.

One message may take a thousand times as long as another. With plain round-robin, one author's
long messages would delay each of the others' short ones.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable
from heapq import heapify, heappop, heappush
from typing import Final, TypeVar

T = TypeVar("T")

# Used processor time counts half after this long.
HALF_LIFE_SECONDS: Final = 10.0
# Smaller amounts are dropped.
LEAST_SECONDS: Final = 0.001


class Shares:
    """Processor time that each author has used in this process."""

    def __init__(
        self,
        processor_time: Callable[[], float] = time.thread_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processor_time = processor_time
        self._clock = clock
        self._spent: dict[int, float] = {}
        self._counted_at = clock()

    def in_turn(
        self, waiting: Iterable[T], author_of: Callable[[T], int]
    ) -> Generator[T, None, None]:
        """Yield the waiting items, each author's in order, and charge their time to the author.

        An item's time ends when the next one is requested, or the generator is closed.
        """
        self._forget()
        queues: defaultdict[int, deque[tuple[int, T]]] = defaultdict(deque)
        for place, each in enumerate(waiting):
            queues[author_of(each)].append((place, each))
        heap = [
            (self._spent.get(author, 0.0), queue[0][0], author) for author, queue in queues.items()
        ]
        heapify(heap)
        while heap:
            _, _, author = heappop(heap)
            _, each = queues[author].popleft()
            began_at = self._processor_time()
            try:
                yield each
            finally:
                spent = self._spent.get(author, 0.0) + self._processor_time() - began_at
                self._spent[author] = spent
            if queues[author]:
                heappush(heap, (spent, queues[author][0][0], author))

    def _forget(self) -> None:
        now = self._clock()
        part = 0.5 ** ((now - self._counted_at) / HALF_LIFE_SECONDS)
        self._counted_at = now
        self._spent = {
            author: spent * part
            for author, spent in self._spent.items()
            if spent * part > LEAST_SECONDS
        }
