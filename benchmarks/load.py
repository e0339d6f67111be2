"""Servers to measure and a client that is quick enough to measure them.

The client keeps a few connections busy from one process with prepared bytes, and only
looks for the end of each response; it costs much less than gunicorn does for the same
request.
"""

import contextlib
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

CONNECTIONS = 8
START_SECONDS = 30
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running gunicorn: its address, "127.0.0.1:PORT", and its master's process id."""

    address: str
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time of its workers, in user and kernel mode."""
        return sum(map(_cpu_seconds, self._workers()))

    def worker(self) -> int:
        """Return the process id of its only worker."""
        (pid,) = self._workers()
        return int(pid)

    def _workers(self) -> list[str]:
        # They are forks of the master; its other children have another command line.
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        return [pid for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes() == command]


class Subject(NamedTuple):
    """What is measured: a server under one request."""

    name: str
    server: Server
    request: bytes


@dataclass(frozen=True)
class Figures:
    """What was measured of a subject, one figure for each round."""

    name: str
    rates: list[float]  # requests a second
    costs: list[float]  # microseconds of the worker's processor time for a request

    def __str__(self) -> str:
        rate, cost = statistics.median(self.rates), statistics.median(self.costs)
        return (
            f"{self.name:32} {rate:6.0f} req/s ({middle(self.rates, '.0f')})"
            f"  {cost:6.1f} µs CPU ({middle(self.costs, '.1f')})"
        )

    def beside(self, reference: "Figures") -> str:
        """Describe the ratio, round by round: by rate, and by processor time."""
        rates = [mine / other for mine, other in zip(self.rates, reference.rates, strict=True)]
        costs = [other / mine for mine, other in zip(self.costs, reference.costs, strict=True)]
        return (
            f"{self.name:32} rate {statistics.median(rates):.2f} ({middle(rates, '.2f')})"
            f"  CPU {statistics.median(costs):.2f} ({middle(costs, '.2f')})"
        )


def middle(figures: Sequence[float], form: str) -> str:
    """Return the bounds of the middle half: the rest is the machine's noise."""
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return f"{low:{form}} to {high:{form}}"


@contextlib.contextmanager
def running(
    configuration: str, application: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run gunicorn with one worker."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "-c", configuration, "-b", address]
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        log = open(os.path.join(directory, "log"), "wb")  # noqa: SIM115 # closed below
        server = subprocess.Popen(
            [*command, application],
            env={**os.environ, "NGW2F_DATA_DIR": directory, **(environment or {})},
            stderr=log,
        )
        try:
            _wait_for(address)
            yield Server(address, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
            log.close()


def request_bytes(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: bench", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def requests_per_second(address: str, request: bytes, seconds: float) -> tuple[float, int]:
    """Return the rate and the number of responses to *request* on CONNECTIONS connections."""
    host, port = address.split(":")
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        connection = socket.create_connection((host, int(port)))
        selector.register(connection, selectors.EVENT_READ, Answer())
        connection.sendall(request)
    answered, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for key, _ in selector.select(1):
            connection = cast("socket.socket", key.fileobj)
            if key.data.is_whole(connection.recv(1 << 20)):
                answered += 1
                connection.sendall(request)
    for key in list(selector.get_map().values()):
        cast("socket.socket", key.fileobj).close()
    selector.close()
    return answered / elapsed, answered


class Answer:
    """The rest of the current response on one connection."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def is_whole(self, received: bytes) -> bool:
        """Take bytes, and return whether the response ends with them."""
        if not received:
            raise ConnectionError("the server closed the connection")
        if self._left:
            self._left -= len(received)
            return self._left == 0
        self._head += received
        head, end, content = self._head.partition(b"\r\n\r\n")
        if not end:
            return False
        self._left = _content_length(head) - len(content)
        self._head = b""
        return self._left == 0


def _content_length(head: bytes) -> int:
    lines = head.lower()
    if lines[9:12] == b"304":
        return 0
    return int(lines.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])


def compare(subjects: Sequence[Subject], rounds: int, seconds: float) -> list[Figures]:
    """Measure the subjects in turn, forth and back, so that noise affects all alike."""
    figures = {subject.name: Figures(subject.name, [], []) for subject in subjects}
    for subject in subjects:
        requests_per_second(subject.server.address, subject.request, 0.5)
    for number in range(rounds):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            before = subject.server.cpu_seconds()
            rate, answered = requests_per_second(subject.server.address, subject.request, seconds)
            cost = (subject.server.cpu_seconds() - before) / answered
            figures[subject.name].rates.append(rate)
            figures[subject.name].costs.append(1e6 * cost)
    return list(figures.values())


def _cpu_seconds(pid: str) -> float:
    # utime and stime; the second field is a name in parentheses that may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{address}/healthz", timeout=1).close()
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"no server at {address}")
        time.sleep(0.1)
