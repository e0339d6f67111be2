"""A connection that was taken over is closed for HTTP; tests/live/test_switched.py tries it."""

import socket
import threading
from collections.abc import Iterator

import pytest

from ngw2f.server import connection as connections
from ngw2f.server.connection import Connection
from ngw2f.server.unsent import Unsent
from tests.waiting import wait_until


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


def test_client_that_does_not_read_is_let_go(
    pair: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, _ = pair
    connection.settimeout(0.01)
    with pytest.raises(TimeoutError):
        connection.sendall(b"x" * 10_000_000)


def test_client_that_does_not_read_is_cut_off_for_others() -> None:
    unsent = Unsent(15_000_000)
    ends: list[str] = []

    def send(connection: Connection) -> None:
        try:
            connection.send_long(b"x" * 10_000_000)
            ends.append("read")
        except BrokenPipeError:
            ends.append("cut off")

    (ours, theirs), (others, reading) = socket.socketpair(), socket.socketpair()
    with ours, theirs, others, reading:
        for sock in (ours, others):
            # A blocking one would take all before it returns.
            sock.settimeout(60)
        stalled = threading.Thread(target=send, args=[Connection(ours, unsent=unsent)])
        stalled.start()
        wait_until(lambda: unsent._bytes > 0)
        reader = threading.Thread(target=send, args=[Connection(others, unsent=unsent)])
        reader.start()
        stalled.join()
        assert ends == ["cut off"]
        left = 10_000_000
        while left:
            left -= len(reading.recv(min(left, 1 << 20)))
        reader.join()
    assert ends == ["cut off", "read"]
    assert unsent._bytes == 0


def test_client_that_reads_too_slowly_is_let_go(
    pair: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_SECONDS", -1.0)
    monkeypatch.setattr(connections, "SEND_BYTES_A_SECOND", 1e12)
    connection, theirs = pair
    reader = threading.Thread(target=lambda: theirs.recv(1))
    reader.start()
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError, match="slowly"):
        connection.sendall(b"x" * 10_000_000)
    reader.join()


def test_answer_is_read_by_a_client_that_still_sends() -> None:
    """The kernel resets a connection that is closed while something waits to be read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname(), timeout=60)
        connection = Connection(listener.accept()[0])
        with theirs:
            theirs.sendall(b"x" * 100_000)
            connection.sendall(b"answer")
            connection.lingers = True
            closing = threading.Thread(target=connection.close)
            closing.start()
            theirs.sendall(b"x" * 1_000_000)
            theirs.shutdown(socket.SHUT_WR)
            closing.join()
            assert (theirs.recv(100), theirs.recv(100)) == (b"answer", b"")


@pytest.mark.parametrize(
    ("name", "bound"), [("LINGER_BYTES", 1), ("LINGER_SECONDS", 0.0), ("SILENT_SECONDS", 0.01)]
)
def test_lingering_ends(
    pair: tuple[Connection, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    bound: float,
) -> None:
    monkeypatch.setattr(connections, name, bound)
    connection, theirs = pair
    theirs.sendall(b"x")
    connection.lingers = True
    connection.close()
    with pytest.raises(BrokenPipeError):
        theirs.sendall(b"x")
