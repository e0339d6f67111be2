"""Run expensive work in one thread: parsing pages and decoding images.

One task at a time bounds the memory, and one thread suits the C library, which keeps freed
memory for the thread that used it. Small tasks come first, so that no link waits for many
hostile images.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import count
from queue import PriorityQueue
from typing import TypeVar

from ngw2f.links.guard.errors import LinkFailed

T = TypeVar("T")
Task = Callable[[], None]
# Longer than any page or picture takes.
CLOSE_SECONDS = 5.0

# Called with the number of the link being processed; 0 means none.
Note = Callable[[int], None]


def ignore(_number: int) -> None:
    """Note nothing."""


class OneThread:
    """A queue of tasks and its thread, which starts with the first task and ends with `close`."""

    def __init__(self, note: Note = ignore) -> None:
        self._note = note
        self._tasks: PriorityQueue[tuple[float, int, Task | None]] = PriorityQueue()
        self._numbers = count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], T], size: float, seconds: float, number: int = 0) -> T:
        """Return or raise what *work* does; raise `LinkFailed` if it takes more than *seconds*.

        Smaller tasks run first. *number* identifies the link in notes.
        """
        self._start()
        future: Future[T] = Future()

        self._tasks.put((size, next(self._numbers), partial(self._try, future, work, number)))
        try:
            return future.result(max(0.0, seconds))
        except TimeoutError as error:
            if future.cancel() or not future.done():
                raise LinkFailed("timeout", "too many other pages are being read") from error
            raise
        finally:
            del future  # See below.

    def _try(self, future: Future[T], work: Callable[[], T], number: int) -> None:
        if not future.set_running_or_notify_cancel():
            return
        self._note(number)
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
            # The error's frames hold everything that was read. If one of them also held the error,
            # that cycle would live until the next garbage collection.
            del future, work
        self._note(0)

    def close(self) -> None:
        """Drop waiting tasks, and wait for the running one to end."""
        self._tasks.put((-1.0, next(self._numbers), None))
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="one thread")
                self._thread.start()

    def _run(self) -> None:
        while True:
            _, _, task = self._tasks.get()
            if task is None:
                return
            task()
            # Otherwise its body and result live until the next task.
            del task
