"""The embedded broker and workers, for a machine where nothing is installed.

gunicorn's master starts one supervisor (`ngw2f embedded`) in its own session, so that
Ctrl-C reaches only the master, and holds the writing end of a pipe, the lifeline. The first one
is a fork of the master, with which it shares five megabytes; one that replaces it is a new Python,
because the master then has threads, and the code may be newer than what it has loaded. When
no master holds it any more, for whatever reason, the supervisor stops the workers, then
Valkey, then itself. A hot upgrade hands the lifeline to the new master, so the broker
keeps running. The supervisor holds a lock on `embedded.lock` while the data is in use.
Web workers load while Valkey starts, and wait for it before they serve.
"""

import gc
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ngw2f.forks import Fork
from ngw2f.locks import is_locked
from ngw2f.settings import Settings

LOCK_NAME = "embedded.lock"
LIFELINE_VARIABLE = "NGW2F_LIFELINE"

# After its master was killed, a supervisor stops the workers, then Valkey; each may take 10 s.
HANDOVER_SECONDS = 30.0
# How often a master checks that the supervisor is alive.
GUARD_SECONDS = 1.0
# How often whoever waits for Valkey looks whether it is to stop.
LOOK_SECONDS = 1.0
MAX_TOLD = 2000

# Runs a command of ours with these arguments, in this process.
RunHere = Callable[[Sequence[str]], None]

log = logging.getLogger(__name__)


class EmbeddedError(Exception):
    """The embedded parts cannot start; the message is one line that says why."""


class Embedded:
    """gunicorn's master's side: start, guard, hand over and stop the supervisor."""

    def __init__(self, settings: Settings, run_here: RunHere | None = None) -> None:
        """*run_here* runs the first supervisor in a fork; None: that is a new Python, too."""
        self._run_here = run_here
        self._settings = settings
        self._lock_path = settings.data_path / LOCK_NAME
        self._lifeline: int | None = None
        # A socket that says whether Valkey answers.
        self._told: int | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the supervisor, or take over that of the previous master. Raises EmbeddedError."""
        self._settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        inherited = os.environ.pop(LIFELINE_VARIABLE, "")
        if inherited:
            self._lifeline = int(inherited)
            os.set_inheritable(self._lifeline, False)
        else:
            self._wait_until_free()
            self._told = self._start_supervisor(self._run_here)
        self._lock_path.write_text(f"{os.getpid()}\n")
        threading.Thread(target=self._guard, daemon=True, name="embedded guard").start()

    def wait(self, look: Callable[[], None] = lambda: None) -> None:
        """Wait until Valkey has answered; meanwhile call *look*. Raises EmbeddedError.

        Every process that is forked after the start may wait, too.
        """
        if self._told is not None:
            _hear(self._told, look)

    def forget(self) -> None:
        """Drop the inherited lifeline in a forked process: only masters may hold it."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def hand_over(self) -> dict[str, str]:
        """Return the variables that the next master needs; call it before the exec."""
        if self._lifeline is None:
            return {}
        os.set_inheritable(self._lifeline, True)
        return {LIFELINE_VARIABLE: str(self._lifeline)}

    def stop(self, *, wait: bool) -> None:
        """Drop the lifeline; if asked to *wait*, return when the supervisor has ended."""
        self._stopping.set()
        self.forget()
        if wait and self._told is not None:
            # One that has only begun does not hold the lock yet.
            select.select([self._told], [], [], HANDOVER_SECONDS)
        deadline = time.monotonic() + HANDOVER_SECONDS
        while wait and is_locked(self._lock_path) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _wait_until_free(self) -> None:
        deadline = time.monotonic() + HANDOVER_SECONDS
        while is_locked(self._lock_path):
            owner = _read_pid(self._lock_path)
            if _is_running(owner) or time.monotonic() > deadline:
                path = self._settings.data_path
                raise EmbeddedError(
                    f"{path} is in use by another server (pid {owner}); "
                    "stop that one, or set NGW2F_DATA_DIR"
                )
            time.sleep(0.1)

    def _start_supervisor(self, run_here: RunHere | None = None) -> int:
        """Start it; return what `_hear` waits for."""
        lifeline_end, self._lifeline = os.pipe()
        told, its = socket.socketpair()
        descriptors = [lifeline_end, its.fileno()]
        arguments = ["embedded", f"--lifeline={lifeline_end}", f"--status={its.fileno()}"]
        if run_here is None:
            subprocess.Popen(
                [sys.executable, "-m", "ngw2f", *arguments],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        else:
            # A garbage collection would write to each object, and so copy its memory.
            gc.freeze()
            Fork(partial(run_here, arguments), ["ngw2f", *arguments], descriptors)
        os.close(lifeline_end)
        its.close()
        return told.detach()

    def _guard(self) -> None:
        """Start another supervisor if the previous one ended unexpectedly."""
        try:
            self.wait()
        except EmbeddedError:
            # No web worker will serve, so the master ends.
            return
        while not self._stopping.wait(GUARD_SECONDS):
            # Check again: `stop` may have ended it while this thread looked.
            if is_locked(self._lock_path) or self._stopping.is_set():
                continue
            log.error("the supervisor of the embedded parts has gone; starting another one")
            self.forget()
            try:
                _hear(self._start_supervisor())
            except EmbeddedError as error:
                log.error("%s", error)  # its message says it all


def _hear(told: int, look: Callable[[], None] = lambda: None) -> None:
    """Wait for a supervisor's report, and leave it for others to read. Raises EmbeddedError."""
    while not select.select([told], [], [], LOOK_SECONDS)[0]:
        look()
    with socket.socket(fileno=os.dup(told)) as heard:
        line = heard.recv(MAX_TOLD, socket.MSG_PEEK).decode().strip()
    if line != "ready":
        raise EmbeddedError(line or "the embedded broker did not start")


def _read_pid(path: Path) -> int:
    text = path.read_text().strip()
    return int(text) if text.isdecimal() else 0


def _is_running(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Say whether the process has ended but has not been reaped (Linux; proc(5))."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    # The name of the command may contain anything; it ends at the last ")".
    return status.rpartition(")")[2].split()[0] == "Z"
