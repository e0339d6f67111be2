from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from ngw2f.web.deflate import Agreement
from ngw2f.web.frames import (
    BoundedFrames,
    ConnectionClosed,
    FrameLimit,
    TooManyFramesError,
    WebSocketServer,
)
from ngw2f.web.upgrade import KEY, SOCKET

LIMIT = FrameLimit()


class Frames:
    """Stands for wsproto's connection, of which so many frames have come."""

    def __init__(self) -> None:
        self.count = 0

    def events(self) -> Iterator[Any]:
        count, self.count = self.count, 0
        yield from range(count)

    def receive_data(self, _data: bytes) -> None: ...

    def send(self, _event: Any) -> bytes:
        return b""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("ngw2f.web.frames.time.monotonic", lambda: clock.now)
    return clock


def test_frames_are_bounded(clock: SimpleNamespace) -> None:
    frames = Frames()
    bounded: Any = BoundedFrames(frames, LIMIT)  # type: ignore[arg-type] # it stands for one
    frames.count = LIMIT.at_once
    assert len(list(bounded.events())) == LIMIT.at_once
    frames.count = 1
    with pytest.raises(TooManyFramesError):
        list(bounded.events())


def test_frames_may_go_on_at_a_pace(clock: SimpleNamespace) -> None:
    frames = Frames()
    bounded: Any = BoundedFrames(frames, LIMIT)  # type: ignore[arg-type] # it stands for one
    for _ in range(100):
        clock.now += 1
        frames.count = LIMIT.a_second
        assert len(list(bounded.events())) == LIMIT.a_second


class Line:
    """The server's socket: gives what a client has sent, and keeps what the server sends."""

    def __init__(self) -> None:
        self.arriving: list[bytes] = []
        self.sent = bytearray()
        self.is_open = True

    def recv(self, _size: int) -> bytes:
        while self.is_open and not self.arriving:
            gevent.sleep(0.001)
        return self.arriving.pop(0) if self.arriving else b""

    def send(self, data: bytes) -> None:
        self.sent += data


class Peer:
    """A client by wsproto, and the server's side of its WebSocket."""

    def __init__(
        self,
        agreement: Agreement | None = None,
        max_bytes: int | None = None,
        frame_limit: FrameLimit | None = None,
    ) -> None:
        self.line = Line()
        environ = {SOCKET: self.line, KEY: "dGhlIHNhbXBsZSBub25jZQ=="}
        self.server = WebSocketServer(environ, max_bytes, agreement, frame_limit)
        self.head = bytes(self.line.sent)
        self.line.sent.clear()
        self._deflate = PerMessageDeflate()
        if agreement:
            self._deflate.finalize(agreement.answer)
        self._client = Connection(ConnectionType.CLIENT, [self._deflate] if agreement else [])

    def say(self, *events: Event, size: int = 65_536) -> None:
        """Send events, so many bytes at a time."""
        data = b"".join(map(self._client.send, events))
        self.line.arriving += [data[at : at + size] for at in range(0, len(data), size)]

    def heard(self) -> list[Event]:
        """Return what the server has sent meanwhile."""
        data = bytes(self.line.sent)
        self.line.sent.clear()
        self._client.receive_data(data)
        return list(self._client.events())


AGREEMENTS = [None, Agreement(), Agreement(9)]


def test_handshake_is_answered() -> None:
    # The key and its answer are those of RFC 6455 section 1.3.
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in Peer().head
    assert b"Sec-WebSocket-Extensions" not in Peer().head
    assert b"server_max_window_bits=9\r\n" in Peer(Agreement(9)).head


@pytest.mark.parametrize("agreement", AGREEMENTS)
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_messages_arrive_whole(agreement: Agreement | None, size: int) -> None:
    peer = Peer(agreement)
    peer.say(
        Message("h\u00e9", message_finished=False),
        Ping(b"between"),
        Message("llo"),
        Message(b"\0\xff"),
        Message(""),
        size=size,
    )
    assert [peer.server.receive() for _ in range(3)] == ["h\u00e9llo", b"\0\xff", ""]
    assert peer.heard() == [Pong(b"between")]


@pytest.mark.parametrize("agreement", AGREEMENTS)
def test_messages_are_sent_whole(agreement: Agreement | None) -> None:
    peer = Peer(agreement)
    long = "the same again, " * 100
    for message in ("h\u00e9llo", long, b"\0\xff"):
        peer.server.send(message)
    assert len(peer.line.sent) < len(long) or not agreement
    heard = peer.heard()
    assert "".join(event.data for event in heard if isinstance(event, TextMessage)) == (
        "h\u00e9llo" + long
    )
    assert [bytes(event.data) for event in heard if isinstance(event, BytesMessage)] == [b"\0\xff"]


@pytest.mark.parametrize("agreement", AGREEMENTS)
@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f642"])
def test_message_above_the_limit_closes(agreement: Agreement | None, character: str) -> None:
    """The limit counts bytes, as that of a request's body does."""
    fit = 1000 // len(character.encode())
    peer = Peer(agreement, max_bytes=1000)
    first, second = (
        Message(character * (fit // 2), message_finished=False),
        Message(character * fit),
    )
    peer.say(Message(character * fit), first, second)
    assert peer.server.receive() == character * fit
    with pytest.raises(ConnectionClosed):
        peer.server.receive()
    (closed,) = peer.heard()
    assert isinstance(closed, CloseConnection)
    assert closed.code == 1009


VIOLATIONS = {
    "reserved bits": (b"\xf1\x80\0\0\0\0", 1002),
    "reserved opcode": (b"\x83\x80\0\0\0\0", 1002),
    "no mask": (b"\x81\0", 1002),
    "nothing to continue": (b"\x80\x80\0\0\0\0", 1002),
    "no UTF-8": (b"\x81\x81\0\0\0\0\xff", 1007),
}


@pytest.mark.parametrize(("wrong", "code"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_what_came_before_a_violation_counts(wrong: bytes, code: int) -> None:
    peer = Peer()
    peer.say(Message("before"))
    peer.line.arriving[-1] += wrong
    assert peer.server.receive() == "before"
    with pytest.raises(ConnectionClosed):
        peer.server.receive()
    (closed,) = peer.heard()
    assert isinstance(closed, CloseConnection)
    assert closed.code == code


def test_compressed_text_that_is_broken_closes() -> None:
    peer = Peer(Agreement())
    peer.line.arriving.append(b"\xc1\x84\0\0\0\0\xff\xff\xff\xff")
    with pytest.raises(ConnectionClosed):
        peer.server.receive()
    (closed,) = peer.heard()
    assert isinstance(closed, CloseConnection)
    assert closed.code == 1007


def test_client_closes() -> None:
    peer = Peer()
    peer.say(Message("last"), CloseConnection(1000, "bye"))
    assert peer.server.receive() == "last"
    with pytest.raises(ConnectionClosed):
        peer.server.receive()
    assert peer.heard() == [CloseConnection(1000, "bye")]
    for use in (peer.server.receive, peer.server.close, lambda: peer.server.send("x")):
        with pytest.raises(ConnectionClosed):
            use()


def test_server_closes() -> None:
    peer = Peer()
    peer.server.close(4000, "enough")
    assert peer.heard() == [CloseConnection(4000, "enough")]
    with pytest.raises(ConnectionClosed):
        peer.server.send("too late")


def test_client_that_is_gone_closes() -> None:
    peer = Peer()
    peer.line.is_open = False
    with pytest.raises(ConnectionClosed):
        peer.server.receive()


def test_silence_is_none() -> None:
    peer = Peer()
    assert peer.server.receive(timeout=0) is None
    peer.say(Message("now"))
    assert peer.server.receive(timeout=60) == "now"


def test_too_many_frames_close() -> None:
    peer = Peer(frame_limit=FrameLimit(at_once=2, a_second=0))
    peer.say(Ping(), Ping(), Message("never read"))
    with pytest.raises(ConnectionClosed):
        peer.server.receive()
    *_, closed = peer.heard()
    assert isinstance(closed, CloseConnection)
    assert closed.code == 1008


def test_frames_are_not_counted_without_a_limit() -> None:
    peer = Peer()
    parts = [Message("x", message_finished=False)] * (LIMIT.at_once + 1)
    peer.say(*parts, Message("end"))
    assert peer.server.receive() == "x" * len(parts) + "end"
