from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

from ngw2f.server import request_body
from ngw2f.server.connection import Connection
from ngw2f.server.gunicorn_request import CONTINUE, OwnRequest
from ngw2f.server.request_body import MAX_FRAMING_BYTES, MAX_HEAD_BYTES, PacedUnreader

CONFIG = Config()
CHUNKED = b"POST / HTTP/1.1\r\nHost: chat\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: %d\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\n"


class Wire:
    """A client's end of a connection, and the request that is read from the other."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.theirs = theirs
        theirs.settimeout(60)
        self.unreader = PacedUnreader(Connection(ours))

    def send(self, sent: bytes) -> None:
        """Send it, and nothing after it."""
        self._sending = threading.Thread(target=self._send, args=[sent])
        self._sending.start()

    def _send(self, sent: bytes) -> None:
        # Whoever is refused has sent in vain.
        with contextlib.suppress(OSError):
            self.theirs.sendall(sent)
            self.theirs.shutdown(socket.SHUT_WR)

    def request(self) -> OwnRequest:
        self.unreader.begin_head()
        return OwnRequest(CONFIG, self.unreader, ("127.0.0.1", 1))


@contextlib.contextmanager
def open_wire() -> Iterator[Wire]:
    ours, theirs = socket.socketpair()
    with theirs, ours:
        yield Wire(ours, theirs)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with open_wire() as opened:
        yield opened


def chunks(*contents: bytes, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    sent = [b"%x%b\r\n%b\r\n" % (len(each), extension, each) for each in contents]
    return b"".join([*sent, b"0\r\n", trailers, b"\r\n"])


@given(
    contents=st.lists(st.binary(min_size=1, max_size=3000), max_size=20),
    extension=st.sampled_from([b"", b";a", b' ; a="b;\\"c"']),
    trailers=st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"]),
    size=st.integers(1, 5000),
)
def test_content_is_what_the_chunks_hold(
    contents: list[bytes], extension: bytes, trailers: bytes, size: int
) -> None:
    with open_wire() as wire:
        wire.send(CHUNKED + chunks(*contents, extension=extension, trailers=trailers) + NEXT)
        request = wire.request()
        content = b"".join(iter(lambda: request.body.read(size), b""))
        assert content == b"".join(contents)
        assert request.rest() == 0
        assert not request.should_close()
        assert wire.unreader.read() == NEXT


@pytest.mark.parametrize(
    "sent",
    [
        b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"1 \r\nx\r\n", b"0x1\r\n", b"1\nx\r\n",
        b"1\r\nxx\r\n", b"1\r\nxxx\r\n", b"1;a\rb\r\nx\r\n", b"1;;\r\nx\r\n", b'1;a="b\r\nx\r\n',
        b"f" * 17 + b"\r\n", b"1" * 2000 + b"\r\n", b"1;" + b"a" * 2000,
        b"1;" + b"a" * 1023 + b"\r\n",
        b"0\r\nA\r\n\r\n", b"0\r\nA : b\r\n\r\n", b"0\r\nContent-Length: 1\r\n\r\n",
        b"0\r\nA: b\nC: d\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_chunk_is_refused(wire: Wire, sent: bytes) -> None:
    wire.send(CHUNKED + sent)
    request = wire.request()
    with pytest.raises(BadRequest) as raised:
        request.body.read()
    assert request.should_close()
    # Both may be logged: there is nothing of the body in them.
    assert "xx" not in f"{raised.value} {raised.value.__cause__}"


@pytest.mark.parametrize(
    "sent", [b"", b"5", b"5\r\nhel", b"5\r\nhello", b"0\r\n", b"0\r\nA: b\r\n"]
)
def test_body_that_ends_too_early(wire: Wire, sent: bytes) -> None:
    wire.send(CHUNKED + sent)
    request = wire.request()
    with pytest.raises(BadRequest):
        request.body.read()
    assert request.should_close()


@pytest.mark.parametrize(
    "sent",
    [chunks(*[b"x"] * 100_000), chunks(*[b"x"] * 1000, extension=b";" + b"a" * 1000)],
    ids=["chunks of a byte", "extensions"],
)
def test_framing_is_bounded(wire: Wire, sent: bytes) -> None:
    wire.send(CHUNKED + sent)
    request = wire.request()
    with pytest.raises(RequestEntityTooLarge):
        request.body.read()
    assert request.should_close()


def test_trailers_are_bounded(wire: Wire) -> None:
    wire.send(CHUNKED + b"0\r\n" + b"A: b\r\n" * 100_000)
    with pytest.raises(BadRequest):
        wire.request().body.read()


def test_small_chunks_are_fine_within_the_bound(wire: Wire) -> None:
    count = MAX_FRAMING_BYTES // 5
    wire.send(CHUNKED + chunks(*[b"x"] * count))
    assert wire.request().body.read() == b"x" * count


def test_head_is_bounded(wire: Wire) -> None:
    field = b"A: " + b"b" * 4000 + b"\r\n"
    wire.send(b"GET / HTTP/1.1\r\nHost: chat\r\n" + field * (MAX_HEAD_BYTES // 4000 + 2) + b"\r\n")
    with pytest.raises(LimitRequestHeaders):
        wire.request()


@pytest.mark.parametrize("sent", [CHUNKED, SIZED % 5], ids=["chunked", "sized"])
def test_silent_body_is_let_go(wire: Wire, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(request_body, "SILENT_SECONDS", 0.01)
    wire.theirs.sendall(sent)
    request = wire.request()
    with pytest.raises(RequestTimeout):
        request.body.read(1)
    assert request.should_close()


@pytest.mark.parametrize("sent", [CHUNKED, SIZED % 9999], ids=["chunked", "sized"])
def test_slow_body_is_let_go(wire: Wire, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.0)
    monkeypatch.setattr(request_body, "BODY_BYTES_A_SECOND", 1_000_000)
    wire.theirs.sendall(sent)
    request = wire.request()
    wire.send(b"1\r\nx\r\n" * 3)
    with pytest.raises(RequestTimeout):
        request.body.read()


def test_small_rest_is_read_to_keep_the_connection(wire: Wire) -> None:
    wire.send(SIZED % 5 + b"hello" + NEXT)
    request = wire.request()
    assert not request.should_close()
    request.drain()
    assert wire.unreader.read() == NEXT


@pytest.mark.parametrize(
    "sent", [SIZED % (100 * 1000**3), CHUNKED + chunks(b"x")], ids=["100 GB", "chunked"]
)
def test_rest_of_any_size_closes_it(wire: Wire, sent: bytes) -> None:
    wire.send(sent)
    assert wire.request().should_close()


EXPECTING = (SIZED % 5).replace(b"Content", b"Expect: 100-continue\r\nContent")


def test_client_is_told_to_go_on_when_somebody_reads(wire: Wire) -> None:
    wire.theirs.sendall(EXPECTING)
    request = wire.request()
    wire.theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        wire.theirs.recv(1)
    wire.theirs.settimeout(60)
    wire.send(b"hello")
    assert request.body.read() == b"hello"
    assert not request.should_close()
    assert wire.theirs.recv(100) == CONTINUE


def test_client_that_is_answered_is_not_told_to_go_on(wire: Wire) -> None:
    """It may send the body all the same, or not: nobody knows what comes next."""
    wire.send(EXPECTING + b"hello")
    request = wire.request()
    assert request.should_close()
    request.body.read()
    request.unreader.sock.close()
    assert wire.theirs.recv(100) == b""


def test_expectation_without_a_body_is_none(wire: Wire) -> None:
    wire.send(EXPECTING.replace(b" 5\r\n", b" 0\r\n"))
    assert not wire.request().should_close()
