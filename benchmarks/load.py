"""Servers to measure and a client that is quick enough to measure them.

The client keeps a few connections busy from one process with prepared bytes and
reads no more of a response than where it ends; it costs about a tenth of what
gunicorn spends on the same request.
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

CONNECTIONS = 8
START_SECONDS = 30


@dataclass(frozen=True)
class Rates:
    """Requests a second, one figure for each round."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        low, high = min(self.rounds), max(self.rounds)
        return f"{self.name:32} {self.median:8.0f} req/s  ({low:.0f} to {high:.0f})"


@contextlib.contextmanager
def running(
    configuration: str, application: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run gunicorn with one worker and give its address as "127.0.0.1:PORT"."""
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
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
            log.close()


def request_bytes(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: bench", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def requests_per_second(address: str, request: bytes, seconds: float) -> float:
    """Return the rate at which the server answers *request* on CONNECTIONS connections."""
    host, port = address.split(":")
    selector = selectors.DefaultSelector()
    connections = [socket.create_connection((host, int(port))) for _ in range(CONNECTIONS)]
    size = _response_size(connections[0], request)
    for connection in connections:
        selector.register(connection, selectors.EVENT_READ, [0])
        connection.sendall(request)
    answered, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for key, _ in selector.select(1):
            received = key.data
            received[0] += len(key.fileobj.recv(1 << 20))
            if received[0] >= size:
                received[0] = 0
                answered += 1
                key.fileobj.sendall(request)
    for connection in connections:
        connection.close()
    return answered / elapsed


def compare(subjects: Sequence[tuple[str, str, bytes]], rounds: int, seconds: float) -> list[Rates]:
    """Measure the subjects (name, address, request) in turn, so that noise meets all alike."""
    rates: dict[str, list[float]] = {name: [] for name, _, _ in subjects}
    for _, address, request in subjects:
        requests_per_second(address, request, 0.5)
    for _ in range(rounds):
        for name, address, request in subjects:
            rates[name].append(requests_per_second(address, request, seconds))
    return [Rates(name, figures) for name, figures in rates.items()]


def ratio(subject: Rates, reference: Rates) -> str:
    """Return the ratio of the medians, and the spread of the ratios round by round."""
    ratios = [a / b for a, b in zip(subject.rounds, reference.rounds, strict=True)]
    return f"{subject.median / reference.median:.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"


def _response_size(connection: socket.socket, request: bytes) -> int:
    """Return how many bytes the answer has; all answers must be as long as the first."""
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 20)
    head, _, _body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    size = len(head) + 4 + length
    while len(received) < size:
        received += connection.recv(1 << 20)
    return size


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{address}/healthz", timeout=1).close()
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"no server at {address}")
        time.sleep(0.1)
