"""The process that fetches, a child of the worker that is called to the links.

A worker may be killed at any moment, and sites would be asked again for all that was on its
way. So it passes the call on to a child, which has no part in the queue, and finishes what it
is at when its parent is gone. It also takes what hostile pages and images may do to a
process: a decoder that crashes costs the child, and not the worker.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from types import FrameType

import msgspec

from ngw2f.jobs.context import JobContext, build_context, current_context
from ngw2f.jobs.links import fetch_here
from ngw2f.observe.metrics.files import WRITE_SECONDS
from ngw2f.settings import Settings

CALL = b"?"
MAX_SAID = 2000
# How often the worker looks whether it is told to stop while its deputy is at work.
LOOK_SECONDS = 0.2
# A deputy that is idle ends at once when it is told to.
CLOSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class DeputyError(Exception):
    """The deputy ended, or could not do what it was called to."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running deputy, and the socket that leads to it."""

    process: subprocess.Popen[bytes]
    socket: socket.socket


class Deputy:
    """The worker's side: start the process, pass calls on, wait for what it says."""

    def __init__(self, settings: Settings, lifeline: int | None) -> None:
        self._settings = settings
        self._lifeline = lifeline
        self._child: Child | None = None
        # Those that were still at work when nobody could wait for them.
        self._left: list[subprocess.Popen[bytes]] = []

    def start(self) -> Child:
        """Start it before it is needed: that takes as long as starting a worker."""
        self._left = [process for process in self._left if process.poll() is None]
        ours, its = socket.socketpair()
        descriptors = [its.fileno()]
        command = [sys.executable, "-m", "ngw2f", "fetcher", f"--parent={its.fileno()}"]
        if self._lifeline is not None:
            descriptors.append(self._lifeline)
            command.append(f"--lifeline={self._lifeline}")
        # In a session of its own: who ends the worker's group means the worker.
        process = subprocess.Popen(
            command, pass_fds=descriptors, stdin=subprocess.DEVNULL, start_new_session=True
        )
        its.close()
        # Its settings are those of the worker, whatever is in the operator's files by now.
        ours.sendall(msgspec.json.encode(self._settings) + b"\n")
        self._child = Child(process, ours)
        return self._child

    def fetch(self, stopping: threading.Event) -> int:
        """Have all links fetched that wait, and return how many these were."""
        child = self._child or self.start()
        try:
            child.socket.sendall(CALL)
            while not select.select([child.socket], [], [], LOOK_SECONDS)[0]:
                if stopping.is_set():
                    child.process.terminate()
            said = child.socket.recv(MAX_SAID)
        except ConnectionError:
            said = b""
        except BaseException:
            # RQ's time limit, say: it finishes what it is at, and nobody waits for its answer.
            self.close(0.0)
            raise
        if not said:
            self.close()
            if stopping.is_set():
                # It was told to end before it could listen to that; what waits goes on waiting.
                return 0
            raise DeputyError(f"the process that fetches ended with {child.process.returncode}")
        if not said.isdigit():
            raise DeputyError(said.decode())
        return int(said)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End it, or leave it to what it is at; the next call starts another."""
        child, self._child = self._child, None
        if child is None:
            return
        child.socket.close()
        try:
            child.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._left.append(child.process)


def receive_settings(parent: int) -> Settings:
    """Return the settings that the worker sends first. Raises msgspec.DecodeError."""
    with open(os.dup(parent), "rb", buffering=0) as stream:
        return msgspec.json.decode(stream.readline(), type=Settings)


def run_deputy(settings: Settings, parent: int, lifeline: int | None) -> None:
    """Fetch whenever the worker calls, until it is gone; *parent* is a socket that leads to it."""
    context = build_context(settings)
    current_context.set(context)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        context.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What Pillow finds odd in strangers' pictures: each says something else, and all is kept.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if lifeline is not None:
        threading.Thread(target=_end_with, args=[context, lifeline], daemon=True).start()
    context.core.recorder.start()
    threading.Thread(target=_keep_writing, args=[context], daemon=True).start()
    with socket.socket(fileno=parent) as calls:
        try:
            while calls.recv(1):
                calls.sendall(_fetch())
        except OSError:
            log.info("the worker is gone; what it was called to is done")
    context.close()


def _fetch() -> bytes:
    try:
        return b"%d" % fetch_here()
    except Exception as error:
        log.exception("links cannot be fetched")
        return f"links cannot be fetched: {error!r}".encode()[:MAX_SAID]


def _keep_writing(context: JobContext) -> None:
    """Let /metrics and the log know what this process has counted and said."""
    while True:
        context.core.recorder.write()
        for handler in logging.getLogger().handlers:
            handler.flush()
        time.sleep(WRITE_SECONDS)


def _end_with(context: JobContext, lifeline: int) -> None:
    """Wait for the supervisor's end, then start nothing more."""
    os.read(lifeline, 1)
    context.stopping.set()
