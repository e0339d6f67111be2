"""gunicorn alone, and behind nginx: python measure.py.

How long does a quick request take (in milliseconds) while four other clients type their requests
slowly, while four do not read a large answer, and while 200 connections are open and idle? And
what does a file cost the servers (in microseconds of processor time)?
"""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

from examples.transcript.stage import Stage
from examples.transcript.usage import processor_seconds

KINDS = ["sync", "gthread --threads 4", "gevent"]
# The other clients stop when the quick request has waited this long.
PATIENCE_SECONDS = 0.5
# The cost of the others' arrival is not counted.
LEAD_SECONDS = 0.3
SLOW = 4
IDLE = 200
FILES = 1000


class Delays(NamedTuple):
    """Milliseconds that a quick request takes with other clients."""

    slow_client: float
    slow_reader: float
    idle: float


def delays(kind: str, *, nginx: bool, patience: float = PATIENCE_SECONDS) -> Delays:
    """Return a quick request's delays on a worker of this kind, at most *patience* each."""
    with Stage(Path(__file__).parent) as stage:
        port = serve(stage, kind, nginx=nginx)
        troubles = [type_slowly, do_not_read, keep_idle]
        return Delays(*(delay(port, trouble, patience) for trouble in troubles))


def serve(stage: Stage, kind: str, *, nginx: bool) -> int:
    """Start one worker, alone or behind nginx, and return the port to ask."""
    port = stage.serve(f"gunicorn --worker-class {kind} --keep-alive 60 shop:application")
    if nginx:
        stage.run("nginx -p . -c nginx.conf")
        port = int(stage.ports["8080"])
    ask(port)  # A worker's first request is slower than all others.
    return port


def delay(port: int, trouble: Callable[[int, ExitStack], None], patience: float) -> float:
    """Return the milliseconds until a quick request is answered behind the others."""
    with ExitStack() as others, ExitStack() as stack:
        trouble(port, others)
        time.sleep(LEAD_SECONDS)
        begun = time.monotonic()
        quick = connect(port, stack)
        quick.sendall(b"GET / HTTP/1.0\r\n\r\n")
        wait([quick], patience)
        others.close()
        if not read(quick).endswith(b"quick\n"):
            raise ConnectionError("the quick request got another answer")
        return 1000 * (time.monotonic() - begun)


def type_slowly(port: int, others: ExitStack) -> None:
    for _ in range(SLOW):
        connect(port, others).sendall(b"GET / HT")


def do_not_read(port: int, others: ExitStack) -> None:
    for _ in range(SLOW):
        reader = connect(port, others)
        # Otherwise some kernels would buffer all of it for a client that does not read.
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.sendall(b"GET /large HTTP/1.0\r\n\r\n")


def keep_idle(port: int, others: ExitStack) -> None:
    for _ in range(IDLE):
        connect(port, others).sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def connect(port: int, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))


def read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(port: int, path: str = "/") -> bytes:
    with ExitStack() as stack:
        connection = connect(port, stack)
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return read(connection)


def cost_of_file(kind: str, *, nginx: bool) -> float:
    """Return the microseconds of processor time that a file costs gunicorn and nginx together."""
    with Stage(Path(__file__).parent) as stage:
        port = serve(stage, kind, nginx=nginx)
        before = processor_seconds(stage.directory)
        for _ in range(FILES):
            ask(port, "/site/picture.svg")
        return (processor_seconds(stage.directory) - before) / FILES * 1e6


def main() -> None:
    print(f"{'':<21}{'slow clients':>13}{'slow readers':>14}{'idle':>6} (ms){'a file':>9} (us)")
    for kind in KINDS:
        for nginx in (False, True):
            name = f"{kind.split()[0]}{' behind nginx' if nginx else ''}"
            cells = *delays(kind, nginx=nginx), cost_of_file(kind, nginx=nginx)
            print("{:<21}{:>13.0f}{:>14.0f}{:>6.0f}{:>14.0f}".format(name, *cells), flush=True)


if __name__ == "__main__":
    main()
