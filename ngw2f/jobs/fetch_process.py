"""The fetch process: a child of the links worker that does the fetching.

A worker may be killed at any moment, and its fetches in flight would be repeated. So it passes
the job on to a child, which does not take part in the queue and finishes its work if its parent
dies. The child also isolates hostile pages and images: a crashing decoder kills the child, not
the worker.
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
# Links come after posts: when the processors are busy, this process gets a tenth.
NICE = 10
# How often the worker checks whether it must stop while its fetch process works.
LOOK_SECONDS = 0.2
# An idle fetch process ends at once.
CLOSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class FetchProcessError(Exception):
    """The fetch process ended or failed."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running fetch process and the socket connected to it."""

    process: subprocess.Popen[bytes]
    socket: socket.socket


class FetchProcess:
    """The worker's side: start the process, request fetches, wait for results."""

    def __init__(self, settings: Settings, lifeline: int | None) -> None:
        self._settings = settings
        self._lifeline = lifeline
        self._child: Child | None = None
        # Processes that were still working when this one stopped waiting for them.
        self._left: list[subprocess.Popen[bytes]] = []

    def start(self) -> Child:
        """Start the process; call it early, since this takes as long as starting a worker."""
        self._left = [process for process in self._left if process.poll() is None]
        ours, its = socket.socketpair()
        descriptors = [its.fileno()]
        command = [sys.executable, "-m", "ngw2f", "fetcher", f"--parent={its.fileno()}"]
        if self._lifeline is not None:
            descriptors.append(self._lifeline)
            command.append(f"--lifeline={self._lifeline}")
        # In its own session: signals to the worker's process group are meant for the worker.
        process = subprocess.Popen(
            command, pass_fds=descriptors, stdin=subprocess.DEVNULL, start_new_session=True
        )
        its.close()
        # Send the worker's settings: the operator's files may have changed since.
        ours.sendall(msgspec.json.encode(self._settings) + b"\n")
        self._child = Child(process, ours)
        return self._child

    def fetch(self, stopping: threading.Event) -> int:
        """Fetch all waiting links in the child, and return how many there were."""
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
            # Such as RQ's time limit: the child finishes its work, and nobody waits for its answer.
            self.close(0.0)
            raise
        if not said:
            self.close()
            if stopping.is_set():
                # The child was stopped while it started; the links keep waiting.
                return 0
            raise FetchProcessError(f"the fetch process ended with {child.process.returncode}")
        if not said.isdigit():
            raise FetchProcessError(said.decode())
        return int(said)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End the child, or let it finish its work; the next `fetch` starts another one."""
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


def run_fetch_process(settings: Settings, parent: int, lifeline: int | None) -> None:
    """Fetch at the worker's request until it is gone; *parent* is a socket connected to it."""
    os.nice(NICE)
    context = build_context(settings)
    current_context.set(context)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        context.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Pillow's warnings differ for each odd picture, and Python remembers every one.
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
            log.info("worker is gone; its links are fetched")
    context.close()


def _fetch() -> bytes:
    try:
        return b"%d" % fetch_here()
    except Exception as error:
        log.exception("fetching links failed")
        return f"fetching links failed: {error!r}".encode()[:MAX_SAID]


def _keep_writing(context: JobContext) -> None:
    """Write this process's metrics and log records from time to time."""
    while True:
        context.core.recorder.write()
        for handler in logging.getLogger().handlers:
            handler.flush()
        time.sleep(WRITE_SECONDS)


def _end_with(context: JobContext, lifeline: int) -> None:
    """Wait for the supervisor to end, then start no more fetches."""
    os.read(lifeline, 1)
    context.stopping.set()
