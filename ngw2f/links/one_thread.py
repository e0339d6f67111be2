"""One thread for what takes memory and time of our own: reading pages, decoding images.

One at a time, so that their memory does not add up; in one thread, because the C library
keeps what it freed for the thread that had it. The small ones come first, so that no link
waits for many images that were made to keep us busy.
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
# No page and no picture takes so long.
CLOSE_SECONDS = 5.0

# Told what is worked at, by a number; 0 stands for nothing.
Note = Callable[[int], None]


def ignore(_number: int) -> None:
    """Note nothing."""


class Desk:
    """Its thread starts with the first task, and ends with `close`."""

    def __init__(self, note: Note = ignore) -> None:
        self._note = note
        self._tasks: PriorityQueue[tuple[float, int, Task | None]] = PriorityQueue()
        self._numbers = count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], T], size: float, seconds: float, number: int = 0) -> T:
        """Return what *work* returns, or raise what it raises, or `LinkFailed` after *seconds*.

        What is smaller than others is done before them. *number* is noted meanwhile.
        """
        self._start()
        future: Future[T] = Future()

        self._tasks.put((size, next(self._numbers), partial(self._try, future, work, number)))
        try:
            return future.result(max(0.0, seconds))
        except TimeoutError as error:
            if future.cancel() or not future.done():
                raise LinkFailed("timeout", "too much else is being read") from error
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
            # Its frames hold all that was read. If one held the error too, this would stay
            # until the garbage is collected, whatever its size.
            del future, work
        self._note(0)

    def close(self) -> None:
        """End the thread before whatever waits, and wait for what it is at."""
        self._tasks.put((-1.0, next(self._numbers), None))
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="desk")
                self._thread.start()

    def _run(self) -> None:
        while True:
            _, _, task = self._tasks.get()
            if task is None:
                return
            task()
            # Or its body and its result stay until the next one comes.
            del task
