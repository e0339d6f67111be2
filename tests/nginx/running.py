"""A real nginx with the real configuration, in a folder of its own, and a client for it."""

import contextlib
import http.client
import json
import os
import resource
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from examples.transcript.machine import free_port
from nginx.certificate import make_certificate
from nginx.render import FILES, Front, command, find_nginx, render
from tests.needs import lacking

NAMES = ("localhost", "127.0.0.1")
START_SECONDS = 300
# A request waits for so long on a machine that others use too.
ANSWER_SECONDS = 90


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a front over TLS, and trusts its certificate only."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.address = front.addresses[0]
        self.host = f"{front.names[0]}:{front.https_port}"
        self.context = ssl.create_default_context(cafile=front.certificate)

    def connect(self, timeout: float = ANSWER_SECONDS) -> http.client.HTTPSConnection:
        """Return a connection that is made when it is first used."""
        name, port = self.front.names[0], self.front.https_port
        return http.client.HTTPSConnection(name, port, context=self.context, timeout=timeout)

    def secure_socket(self, timeout: float = ANSWER_SECONDS) -> ssl.SSLSocket:
        address = (self.address, self.front.https_port)
        plain = socket.create_connection(address, timeout)
        return self.context.wrap_socket(plain, server_hostname=self.front.names[0])

    def ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        with self.open(target, method, body, headers) as response:
            return Answer(response.status, response.headers, response.read())

    @contextlib.contextmanager
    def open(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Give an answer whose content is still to be read."""
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, target, body, headers or {})
            yield connection.getresponse()

    def ask_plainly(self, target: str, method: str = "GET", host: str = "localhost") -> Answer:
        """Ask without TLS."""
        address = (self.address, self.front.http_port)
        connection = http.client.HTTPConnection(*address, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, target, headers={"Host": host})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def send(self, data: bytes) -> bytes:
        """Send bytes as they are, and return all that comes back."""
        with self.secure_socket() as secure:
            secure.sendall(data)
            received = b""
            with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
                while chunk := secure.recv(65536):
                    received += chunk
            return received


def need_nginx() -> str:
    return find_nginx() or lacking("nginx", "apt-get install nginx")


def make_front(directory: Path, servers: Sequence[Path | str], **changes: object) -> Front:
    """Return a front before sockets, or before what nginx calls a server."""
    program = need_nginx()
    names = cast("Sequence[str]", changes.get("names", NAMES))
    certificate, key = make_certificate(directory, names)
    values: dict[str, Any] = {
        "directory": directory / "conf",
        "run": directory,
        "certificate": certificate,
        "key": key,
        "names": names,
        "servers": [f"unix:{each}" if isinstance(each, Path) else each for each in servers],
        "http_port": free_port(),
        "https_port": free_port(),
        # Its workers shall read what the tests wrote.
        "user": "root" if os.geteuid() == 0 else None,
        "limits": False,
        "program": program,
        "files": min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    }
    return Front(**{**values, **changes})


@contextlib.contextmanager
def running(front: Front, prefix: Sequence[str] = ()) -> Iterator[Client]:
    """Run nginx for the block; *prefix* goes before its command."""
    render(front)
    argv = [*prefix, *command(front), "-g", "daemon off;"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        _wait_for(front)
        yield Client(front)
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(front: Front) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((front.addresses[0], front.https_port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
