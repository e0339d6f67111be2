"""Processes that run a function of this program, without a new Python.

A fork shares this process's memory, so what was imported before is neither loaded nor paid for
again. Fork while this process has one thread, because another's locks would stay taken in the
child, and no SQLite database open, because SQLite does not notice that it was forked.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

# How often to look for the end of a process that somebody waits for.
LOOK_SECONDS = 0.01

STANDARD_ERROR = 2


class Fork:
    """A child process that runs a function; what we use of `subprocess.Popen`.

    It has a session of its own, none of this process's descriptors but the standard ones and those
    it is given, and none of its signal handlers. It ends with the function: no `finally` and no
    exit handler of this process runs in it.
    """

    def __init__(
        self, run: Callable[[], None], title: Sequence[str], descriptors: Collection[int] = ()
    ) -> None:
        """Start it under the *title*, a command line. Raises OSError."""
        self._title = title
        self.returncode: int | None = None
        # The child would write it again.
        _flush()
        handled = [each for each in signal.valid_signals() if callable(signal.getsignal(each))]
        # Until it has handlers of its own, a signal to the child would be lost in ours.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = os.fork()
            if not self.pid:
                _live(run, title, descriptors, handled, mask)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def poll(self) -> int | None:
        """Return its exit status, or a signal's negative number; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float = float("inf")) -> int:
        """Return its exit status once it has ended. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(list(self._title), seconds)
            time.sleep(LOOK_SECONDS)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        # Once it was waited for, the number may be another process's.
        if self.poll() is None:
            os.kill(self.pid, number)


def open_standard() -> None:
    """Connect to nothing what is closed of standard input, output and error.

    The next pipe would get their numbers, and be another's input or output in each child.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        os.set_inheritable(number, True)
    os.close(number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115 # it stays
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def set_title(words: Sequence[str]) -> None:
    """Replace the command line that the system shows of this process, as far as it fits (Linux).

    And its name by the first word: who ends all that are called gunicorn means no supervisor.
    """
    with suppress(OSError):
        Path("/proc/self/comm").write_text("".join(words[:1]))
        # Fields 48 and 49 of proc(5) say where it is; the command's name, the second, ends at ")".
        with open("/proc/self/stat", "rb") as about:
            fields = about.read().rpartition(b")")[2].split()
        begin, size = int(fields[45]), int(fields[46]) - int(fields[45])
        # If the last byte were not zero, the environment would be shown too.
        line = os.fsencode("\0".join(words))[: max(0, size - 1)]
        ctypes.memmove(begin, line.ljust(size, b"\0"), size)


def _live(
    run: Callable[[], None],
    title: Sequence[str],
    descriptors: Collection[int],
    handled: Collection[int],
    mask: Collection[int],
) -> NoReturn:
    """Be the child, from its first moment to its end."""
    code = 1
    try:
        os.setsid()
        _close_others(descriptors)
        # Whatever replaced them may write to what is closed now.
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        _reset_signals(handled)
        set_title(title)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = _call(run)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _close_others(kept: Collection[int]) -> None:
    """Close all descriptors but *kept* and the standard ones; read nothing from the terminal.

    Their objects remain, and are never finalized: this process's end finalizes nothing.
    """
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in os.listdir("/dev/fd"):
        if int(name) > STANDARD_ERROR and int(name) not in kept:
            # The list's own is closed already.
            with suppress(OSError):
                os.close(int(name))


def _reset_signals(handled: Collection[int]) -> None:
    """Handle signals as a new Python does; the process that forked has handlers for *handled*."""
    signal.set_wakeup_fd(-1)
    for number in handled:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _call(run: Callable[[], None]) -> int:
    """Run the function as the interpreter runs a program; return the exit status."""
    try:
        run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    finally:
        logging.shutdown()
        _flush()
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A closed terminal, or a full disk.
        with suppress(OSError, ValueError):
            stream.flush()
