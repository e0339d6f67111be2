"""The fetch process: a child of the links worker that does the fetching.

A worker may be killed at any moment, and its fetches in flight would be repeated. So it passes
the job on to a child, which does not take part in the queue and finishes its work if its parent
dies. The child also isolates hostile pages and images: a crashing decoder kills the child, not
the worker. It is forked before the worker has threads, and builds what it needs when it is first
called. When it ends, so does the worker, after its job; the supervisor starts both again.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import threading
import time
import warnings
from contextlib import suppress
from functools import partial
from types import FrameType

from ngw2f.forks import Fork
from ngw2f.jobs.context import JobContext, current_context, inherit_context
from ngw2f.jobs.links import fetch_here
from ngw2f.jobs.niceness import be_nice
from ngw2f.observe.metrics.files import WRITE_SECONDS
from ngw2f.settings import Settings

CALL = b"?"
MAX_SAID = 2000
# Links come after posts: when the processors are busy, this process gets a tenth.
NICE = 10
# How often the worker checks whether it must stop while its fetch process works.
LOOK_SECONDS = 0.2
# An idle fetch process ends at once; nobody waits longer for one that works.
CLOSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class FetchProcessError(Exception):
    """The fetch process ended or failed."""


class FetchProcess:
    """The worker's side: fork the process, request fetches, wait for results."""

    def __init__(self, settings: Settings, lifeline: int | None) -> None:
        """Start the process, with the worker's settings."""
        self._socket, its = socket.socketpair()
        descriptors = [its.fileno()] if lifeline is None else [its.fileno(), lifeline]
        run = partial(run_fetch_process, settings, its.fileno(), lifeline)
        self.process = Fork(run, ["ngw2f", "fetcher"], descriptors)
        its.close()

    def fetch(self, stopping: threading.Event) -> int:
        """Fetch all waiting links in the child, and return how many there were.

        If it has ended, or nobody waits for its answer any longer, set *stopping*.
        """
        try:
            self._socket.sendall(CALL)
            while not select.select([self._socket], [], [], LOOK_SECONDS)[0]:
                if stopping.is_set():
                    self.process.terminate()
            said = self._socket.recv(MAX_SAID)
        except ConnectionError:
            said = b""
        except BaseException:
            # Such as RQ's time limit: the child finishes its work.
            self._socket.close()
            stopping.set()
            raise
        if not said:
            return self._explain_end(stopping)
        if not said.isdigit():
            raise FetchProcessError(said.decode())
        return int(said)

    def _explain_end(self, stopping: threading.Event) -> int:
        """Raise FetchProcessError, unless the child was stopped; the links keep waiting."""
        self.close()
        if stopping.is_set():
            return 0
        stopping.set()
        raise FetchProcessError(f"the fetch process ended with {self.process.returncode}")

    def close(self) -> None:
        """End the child if it is idle; otherwise let it finish its work."""
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(CLOSE_SECONDS)


def run_fetch_process(settings: Settings, parent: int, lifeline: int | None) -> None:
    """Fetch at the worker's request until it is gone; *parent* is a socket connected to it."""
    be_nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=parent) as calls:
        # Most workers of a small chat have nothing to fetch for hours.
        if calls.recv(1):
            _answer(calls, _prepare(settings, lifeline))


def _prepare(settings: Settings, lifeline: int | None) -> JobContext:
    """Build what fetching needs, and start the threads that go with it."""
    context = inherit_context(settings)
    current_context.set(context)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        context.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    # Pillow's warnings differ for each odd picture, and Python remembers every one.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if lifeline is not None:
        threading.Thread(target=_end_with, args=[context, lifeline], daemon=True).start()
    context.core.recorder.start()
    threading.Thread(target=_keep_writing, args=[context], daemon=True).start()
    return context


def _answer(calls: socket.socket, context: JobContext) -> None:
    """Fetch, as was asked for already, and again at each call."""
    try:
        calls.sendall(_fetch())
        while calls.recv(1):
            calls.sendall(_fetch())
    except OSError:
        log.info("the worker has gone; its last round of links has ended")
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
