"""Workers that are started on demand: not before another worker of theirs has work for them.

A small chat goes for hours without a link or a picture, and a worker that waits takes memory. So
the supervisor of an embedded chat starts it when the worker that renders messages asks for it.
"""

import os
from collections.abc import Callable, Collection
from contextlib import suppress


class Demand:
    """The side of the worker that asks, once; the supervisor keeps running what it started."""

    def __init__(
        self, queues: Collection[str], status: int | None, hand_over: Callable[[str], None]
    ) -> None:
        """Ask through the descriptor *status*, and *hand_over* the queue that is asked for."""
        self._waiting = set(queues)
        self._status = status
        self._hand_over = hand_over

    def announce(self, queue: str) -> None:
        """Have a worker started that will run what is queued in *queue*, unless one was."""
        if queue not in self._waiting:
            return
        self._waiting.remove(queue)
        self._hand_over(queue)
        if self._status is not None:
            with suppress(OSError):  # The supervisor is gone, and this process ends soon.
                os.write(self._status, demand_of(queue))


def demand_of(queue: str) -> bytes:
    """Return the line by which a worker asks its supervisor."""
    return f"start {queue}\n".encode()
