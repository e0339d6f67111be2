"""Run a database or broker that other processes need, and stop it after them."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Everything that uses database and broker holds a shared lock on this file.
USERS_LOCK = "users.lock"
# Longer than an instance or a worker takes to stop; shorter than deploy/screen.py waits.
WAIT_SECONDS = 30.0


def run_until_unused(
    argv: Sequence[str],
    data_path: Path,
    stop_signal: signal.Signals,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Run a program; at a signal to stop, wait for its users, then stop it.

    Exits with the program's status. The program has a session of its own, so the
    signals that honcho sends to the whole group reach only this process.
    """
    told = threading.Event()
    process = subprocess.Popen(
        argv, start_new_session=True, preexec_fn=prepare, stdin=subprocess.DEVNULL
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while process.poll() is None and not told.wait(0.2):
        pass
    if process.poll() is None:
        _wait_for_users(data_path)
        process.send_signal(stop_signal)
    sys.exit(process.wait())


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a function that makes the kernel signal this child when its parent ends (Linux)."""

    def ask() -> None:
        if sys.platform == "linux":
            pr_set_pdeathsig = 1
            ctypes.CDLL(None).prctl(pr_set_pdeathsig, number)

    return ask


def _wait_for_users(data_path: Path) -> None:
    lock = os.open(data_path / USERS_LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return
