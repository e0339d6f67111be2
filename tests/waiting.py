"""Waiting for what another thread or process does: by asking, and not for ever."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02
# For each second of processor time that asking takes. What is waited for needs the processors, too.
PAUSE_FACTOR = 10
# What takes so long hangs. Three suites on two processors start a server in a minute.
HANGING_SECONDS = 300


def wait_until(
    ask: Callable[[], T | None],
    seconds: float = HANGING_SECONDS,
    pause_seconds: float = PAUSE_SECONDS,
) -> T:
    """Return what *ask* returns as soon as it is true; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    began = time.thread_time()
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still not so after {seconds} seconds"
        time.sleep(max(pause_seconds, PAUSE_FACTOR * (time.thread_time() - began)))
        began = time.thread_time()
    return answer


def is_ever(ask: Callable[[], bool], tries: int = 8) -> bool:
    """Say whether *ask* is once true: a busy machine does not slow each measurement down."""
    return any(ask() for _ in range(tries))


def listens_to(pid: int, number: int) -> bool:
    """Say whether a process handles a signal (proc(5), SigCgt)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
