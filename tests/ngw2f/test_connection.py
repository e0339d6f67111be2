"""A connection that was taken over is closed for HTTP; tests/live/test_switched.py tries it."""

import socket
from collections.abc import Iterator

import pytest

from ngw2f.connection import Connection


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Connection(ours), theirs


def test_who_takes_it_over_gets_what_has_come(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    connection.take_buffered = lambda: b"frame"
    sock, received = connection.switch_protocols()
    sock.sendall(b"101")
    assert (received, theirs.recv(100)) == (b"frame", b"101")


@pytest.mark.parametrize("name", ["send", "sendall", "sendfile"])
def test_nothing_is_written_after_a_switch(
    pair: tuple[Connection, socket.socket], name: str
) -> None:
    connection, theirs = pair
    connection.switch_protocols()
    with pytest.raises(BrokenPipeError):
        getattr(connection, name)(b"HTTP/1.1 500")
    connection.close()
    assert theirs.recv(100) == b""


def test_nothing_is_read_after_a_switch(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    theirs.sendall(b"GET /metrics HTTP/1.1")
    connection.switch_protocols()
    assert connection.has_switched
    assert connection.recv(100) == b""
