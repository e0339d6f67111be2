"""Children of a test that would be forks of a worker.

A test has databases open, which SQLite allows no fork to inherit, and threads. So its children
are forks of another process, which has neither, and which has loaded what a worker has. They get
their function pickled. POISON in a page kills who reads it.
"""

import fcntl
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from typing import Any, NoReturn

from ngw2f import forks
from ngw2f.broker.unused_parts import leave_unused_out
from ngw2f.forks import Fork
from ngw2f.links import visit
from tests.ngw2f.jobs.poisoned import read_or_die
from tests.waiting import HANGING_SECONDS

# More than a function and an environment take.
MAX_MESSAGE_BYTES = 1 << 18
MAX_DESCRIPTORS = 8


class Nursery:
    """The process that forks, and tells which of its children have ended."""

    def __init__(self) -> None:
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(HANGING_SECONDS)
        command = [sys.executable, "-m", "tests.ngw2f.jobs.spawned", str(its.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
        its.close()

    def spawn(
        self, run: Callable[[], None], title: Sequence[str], descriptors: Collection[int] = ()
    ) -> "Spawned":
        """Do what `Fork` does, whose place this takes."""
        # The test's own output, which may be captured.
        numbers = [1, 2, *descriptors]
        pid = self._ask((run, list(title), numbers, dict(os.environ)), numbers)
        assert pid is not None
        return Spawned(self, pid, title)

    def status_of(self, pid: int) -> int | None:
        """Return the exit status of a child as `Fork.poll` does; only once."""
        return self._ask(pid)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(HANGING_SECONDS)

    def _ask(self, message: object, descriptors: Sequence[int] = ()) -> int | None:
        socket.send_fds(self._socket, [pickle.dumps(message)], descriptors)
        answer: int | None = pickle.loads(self._socket.recv(MAX_MESSAGE_BYTES))
        return answer


class Spawned(Fork):
    """A child of the nursery, in the place of a fork."""

    def __init__(self, nursery: Nursery, pid: int, title: Sequence[str]) -> None:
        self._nursery, self._title = nursery, title
        self.pid, self.returncode = pid, None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.status_of(self.pid)
        return self.returncode


def serve(number: int) -> None:
    """Fork, and wait for children, as the test asks for it on a socket."""
    with socket.socket(fileno=number) as test:
        while True:
            content, descriptors, _, _ = socket.recv_fds(test, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS)
            if not content:
                return
            message = pickle.loads(content)
            answer = _poll(message) if isinstance(message, int) else _fork(descriptors, *message)
            for descriptor in descriptors:
                os.close(descriptor)
            test.send(pickle.dumps(answer))


def _poll(child: int) -> int | None:
    pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _fork(received: Sequence[int], *message: Any) -> int:
    return os.fork() or _live(received, *message)


def _live(
    received: Sequence[int],
    run: Callable[[], None],
    title: Sequence[str],
    numbers: Sequence[int],
    environ: dict[str, str],
) -> NoReturn:
    """Be the child, with descriptors of the same numbers as the test's."""
    try:
        above = [fcntl.fcntl(each, fcntl.F_DUPFD, max(numbers) + 1) for each in received]
        for each, number in zip(above, numbers, strict=True):
            os.dup2(each, number)
        os.environ.clear()
        os.environ.update(environ)
        forks._live(run, title, numbers, [], [])
    finally:
        os._exit(1)


if __name__ == "__main__":
    # As a worker has done before it forks.
    leave_unused_out()
    import_module("ngw2f.jobs.fetch_process")
    visit.make_preview = read_or_die  # type: ignore[attr-defined] # where it is looked up
    serve(int(sys.argv[1]))
