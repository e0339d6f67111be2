"""A small Internet on the loopback: names, public addresses, and servers that do as they like.

The fetch under test believes that it talks to public addresses. Only the two things that lead out
of the process are replaced, the resolver and the connection, and both write down what was asked.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.connect import connect_to
from ngw2f.links.guard.errors import LinkFailed

Handler = Callable[[socket.socket], None]

HTML = b"<!doctype html><title>A page</title>"


def answer(
    body: bytes = HTML, *headers: str, status: str = "200 OK", media: str | None = "text/html"
) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if media is not None:
        lines.append(f"Content-Type: {media}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect_to(location: str) -> bytes:
    return answer(b"gone", f"Location: {location}", status="302 Found")


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)


class Site:
    """A server on the loopback; each connection gets a thread that runs the handler."""

    def __init__(self, handler: Handler | bytes) -> None:
        self._handler = self._send(handler) if isinstance(handler, bytes) else handler
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _send(self, data: bytes) -> Handler:
        def handle(connection: socket.socket) -> None:
            self.requests.append(read_request(connection))
            connection.sendall(data)

        return handle

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self._handler(connection)
            connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in (self._listener, *self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(60)


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            break
        data += received
    return data


class Internet:
    """Names to addresses, addresses to sites. Unknown names do not resolve; unknown addresses
    refuse. A name with several answers gives them in turn, and stays at the last.
    """

    def __init__(self) -> None:
        self._names: dict[str, list[list[Address]]] = {}
        self._sites: dict[tuple[Address, int], Site] = {}
        self.lookups: list[str] = []
        self.dials: list[tuple[str, int]] = []

    def name(self, name: str, *answers: str) -> None:
        self._names[name] = [[ip_address(each) for each in answer.split()] for answer in answers]

    def site(
        self, name: str, handler: Handler | bytes, *, at: str = "93.184.216.34", port: int = 80
    ) -> Site:
        site = Site(handler)
        self._names.setdefault(name, [[ip_address(at)]])
        self._sites[ip_address(at), port] = site
        return site

    def resolve(self, name: str, timeout_seconds: float) -> Sequence[Address]:
        self.lookups.append(name)
        answers = self._names.get(name.removesuffix("."))
        if answers is None:
            raise LinkFailed("dns", "the name does not resolve")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: Address, port: int, timeout_seconds: float) -> socket.socket:
        self.dials.append((str(address), port))
        site = self._sites.get((address, port))
        if site is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return connect_to(ip_address("127.0.0.1"), site.port, timeout_seconds)

    def close(self) -> None:
        for site in self._sites.values():
            site.close()


@contextmanager
def small_internet() -> Iterator[Internet]:
    internet = Internet()
    try:
        yield internet
    finally:
        internet.close()
