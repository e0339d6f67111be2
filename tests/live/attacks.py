"""Bytes over a socket to a running chat, and what comes back."""

import contextlib
import re
import socket
from collections.abc import Iterable, Iterator

from tests.live.server import ChatServer


def connect(chat: ChatServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", chat.port), timeout=60)


def send(sock: socket.socket, sent: bytes | Iterable[bytes]) -> None:
    """Send it, as far as the other side lets us."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for piece in [sent] if isinstance(sent, bytes) else sent:
            sock.sendall(piece)


def read_rest(sock: socket.socket) -> bytes:
    """Return all that comes until the connection ends."""
    rest = b""
    with contextlib.suppress(ConnectionResetError):
        while some := sock.recv(65536):
            rest += some
    return rest


@contextlib.contextmanager
def asked(chat: ChatServer, sent: bytes) -> Iterator[socket.socket]:
    with connect(chat) as sock:
        send(sock, sent)
        yield sock


def statuses(answers: bytes) -> list[int]:
    """Return the status of each answer in what came."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", answers)]
