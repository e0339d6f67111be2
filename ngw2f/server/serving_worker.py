"""What gunicorn's master and each of its workers know of one another."""

import mmap
from typing import Any

from gunicorn.workers.base_async import AsyncWorker


class ServingWorker(AsyncWorker):  # type: ignore[misc] # gunicorn has no types
    """A worker that tells the master when it begins to serve."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # A shared byte: the master creates this object, then forks.
        self._serving = mmap.mmap(-1, 1)

    @property
    def is_serving(self) -> bool:
        """Say whether it accepts connections; the master may ask, too."""
        return self._serving[0] == 1

    def tell_serving(self) -> None:
        self._serving[0] = 1
