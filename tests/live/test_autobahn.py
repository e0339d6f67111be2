"""The cases of Autobahn's test suite, by its numbers, sent as bytes to an echo over our layer.

The suite itself needs Python 2.7. What is expected here is its strict result: whatever came
before a violation is answered, and the violation ends the connection with the code that it has.
"""

import random
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, Message, Ping, Pong, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.live.echo import MAX_BYTES, Echo, echoing
from tests.live.hostile import BINARY, CLOSE, PING, PONG, TEXT, Raw, frame

CONTINUATION = 0
PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
NORMAL = (1000).to_bytes(2, "big")
BYE = frame(NORMAL, CLOSE)
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}

Frames = list[tuple[int, bytes]]


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with echoing() as echo:
        yield echo


def connect(echo: Echo, **fields: str) -> Raw:
    server: Any = echo
    return Raw(server, "/", **fields)


def answers(echo: Echo, *pieces: bytes, **fields: str) -> Frames:
    """Return all frames that come until the server ends the connection."""
    with connect(echo, **fields) as raw:
        with suppress(OSError):  # The server may have ended it before all is sent.
            for piece in pieces:
                raw.sock.sendall(piece)
        frames = []
        while (heard := raw.receive())[0]:
            frames.append(heard)
        return frames


def told(frames: Frames) -> Frames:
    """Return the frames without the reason that a close frame gives in words."""
    return [(opcode, text[:2] if opcode == CLOSE else text) for opcode, text in frames]


def closed(code: int) -> tuple[int, bytes]:
    return CLOSE, code.to_bytes(2, "big")


def one_by_one(content: bytes) -> list[bytes]:
    return [content[i : i + 1] for i in range(len(content))]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("length", [0, 125, 126, 127, 128, 65_535, 65_536])
def test_1_lengths(echo: Echo, opcode: int, length: int) -> None:
    content = frame(b"*" * length, opcode)
    expected = [(opcode, b"*" * length), closed(1000)]
    assert told(answers(echo, content, BYE)) == expected
    chops = [content[i : i + 997] for i in range(0, len(content), 997)]
    assert told(answers(echo, *chops, BYE)) == expected


PINGS: dict[str, tuple[list[bytes], Frames]] = {
    "2.1 empty": ([frame("", PING)], [(PONG, b"")]),
    "2.3 bytes": ([frame(b"\x00\xff\xfe", PING)], [(PONG, b"\x00\xff\xfe")]),
    "2.4 of 125 bytes": ([frame(b"\xfe" * 125, PING)], [(PONG, b"\xfe" * 125)]),
    "2.5 of 126 bytes": ([frame(b"\xfe" * 126, PING)], [closed(PROTOCOL_ERROR)]),
    "2.6 byte by byte": (one_by_one(frame(b"\xfe" * 125, PING)), [(PONG, b"\xfe" * 125)]),
    "2.7 pong that nobody asked for": ([frame("", PONG)], []),
    "2.9 pong, then a ping": ([frame("x", PONG), frame("y", PING)], [(PONG, b"y")]),
    "2.10 ten pings": (
        [b"".join(frame(str(number), PING) for number in range(10))],
        [(PONG, str(number).encode()) for number in range(10)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pieces", "expected"), PINGS.values(), ids=PINGS.keys())
def test_2_pings(echo: Echo, pieces: list[bytes], expected: Frames) -> None:
    if closed(PROTOCOL_ERROR) not in expected:
        expected = [*expected, closed(1000)]
    assert told(answers(echo, *pieces, BYE)) == expected


def check_violation(echo: Echo, violation: bytes, code: int = PROTOCOL_ERROR) -> None:
    """Check that a text before it is sent back, and nothing after it is answered."""
    sent = frame("before") + violation + frame("after", PING)
    expected = [(TEXT, b"before"), closed(code)]
    assert told(answers(echo, sent)) == expected
    assert told(answers(echo, *one_by_one(frame("before") + violation))) == expected


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
@pytest.mark.parametrize("reserved", range(1, 8))
def test_3_reserved_bits(echo: Echo, reserved: int, opcode: int) -> None:
    check_violation(echo, frame("x", opcode, reserved=reserved))


@pytest.mark.parametrize("content", ["", "x"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_4_reserved_opcodes(echo: Echo, opcode: int, content: str) -> None:
    check_violation(echo, frame(content, opcode))


def test_not_masked(echo: Echo) -> None:
    check_violation(echo, b"\x81\x01x")


A, B = frame("a", fin=False), frame("b", CONTINUATION)
MIDDLE = frame("-", CONTINUATION, fin=False)
PING_X, PONG_X = frame("x", PING), (PONG, b"x")

FRAGMENTS: dict[str, tuple[bytes, Frames]] = {
    "5.1 ping": (frame("x", PING, fin=False), [closed(PROTOCOL_ERROR)]),
    "5.2 pong": (frame("x", PONG, fin=False), [closed(PROTOCOL_ERROR)]),
    "5.3 text": (A + B, [(TEXT, b"ab")]),
    "5.6 a ping between": (A + PING_X + B, [PONG_X, (TEXT, b"ab")]),
    "5.9 continuation of nothing": (frame("x", CONTINUATION), [closed(PROTOCOL_ERROR)]),
    "5.12 continuation of nothing, unfinished": (MIDDLE, [closed(PROTOCOL_ERROR)]),
    "5.15 continuation after the end": (A + B + MIDDLE, [(TEXT, b"ab"), closed(PROTOCOL_ERROR)]),
    "5.18 text in a text": (A + frame("b"), [closed(PROTOCOL_ERROR)]),
    "5.19 pings between": (
        A + MIDDLE + PING_X + MIDDLE + PING_X + B, [PONG_X, PONG_X, (TEXT, b"a--b")]
    ),
    "empty": (frame("", fin=False) + frame("", CONTINUATION), [(TEXT, b"")]),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), FRAGMENTS.values(), ids=FRAGMENTS.keys())
def test_5_fragments(echo: Echo, sent: bytes, expected: Frames) -> None:
    if closed(PROTOCOL_ERROR) not in expected:
        expected = [*expected, closed(1000)]
    assert told(answers(echo, sent, BYE)) == expected
    assert told(answers(echo, *one_by_one(sent + BYE))) == expected


GOOD = "Hello-µ@ßöäüàá-UTF-8!! κόσμε \U0001f600 \x00\x7f\ufffd\ufffe\U0010ffff".encode()
BAD = {
    "continuation byte": b"\x80", "continuation bytes": b"\x80\xbf", "first byte alone": b"\xc0 ",
    "cut after 1 of 2": b"\xce", "cut after 2 of 3": b"\xe1\xbd",
    "cut after 3 of 4": b"\xf0\x9f\x98",
    "no such byte": b"\xfe", "none of the two": b"\xff\xfe", "overlong 2": b"\xc0\xaf",
    "overlong 3": b"\xe0\x80\xaf", "overlong 4": b"\xf0\x80\x80\xaf", "overlong zero": b"\xc0\x80",
    "surrogate": b"\xed\xa0\x80", "pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond the last": b"\xf4\x90\x80\x80", "five bytes": b"\xf8\x88\x80\x80\x80",
    "in the middle": "κόσμε".encode() + b"\xed\xa0\x80edited",
}  # fmt: skip


@pytest.mark.parametrize("split", range(len(GOOD) + 1))
def test_6_text_split_anywhere(echo: Echo, split: int) -> None:
    sent = frame(GOOD[:split], fin=False) + frame(GOOD[split:], CONTINUATION)
    assert told(answers(echo, sent, BYE)) == [(TEXT, GOOD), closed(1000)]


def test_6_text_in_fragments_of_a_byte(echo: Echo) -> None:
    fragments = [frame(byte, CONTINUATION, fin=False) for byte in one_by_one(GOOD)]
    sent = frame("", fin=False) + b"".join(fragments) + frame("", CONTINUATION)
    assert told(answers(echo, sent, BYE)) == [(TEXT, GOOD), closed(1000)]


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_6_text_that_is_not_utf8(echo: Echo, text: bytes) -> None:
    check_violation(echo, frame(text), NOT_UTF8)
    check_violation(echo, frame("", fin=False) + frame(text, CONTINUATION), NOT_UTF8)


def test_6_text_fails_as_soon_as_it_is_wrong(echo: Echo) -> None:
    # Its rest is never sent.
    started = frame("κόσμε".encode() + b"\xf4\x90", fin=False)
    assert told(answers(echo, started)) == [closed(NOT_UTF8)]
    unfinished = frame(b"\xf4\x90" + b"x" * 1_000)[:-1_000]
    assert told(answers(echo, unfinished)) == [closed(NOT_UTF8)]


CLOSES: dict[str, tuple[bytes, Frames]] = {
    "7.1 text after it": (BYE + frame("x"), [closed(1000)]),
    "7.1 ping after it": (BYE + PING_X, [closed(1000)]),
    "7.1 in a message": (A + BYE + B, [closed(1000)]),
    "7.3 empty": (frame("", CLOSE), [(CLOSE, b"")]),
    "7.3 of one byte": (frame("x", CLOSE), [closed(PROTOCOL_ERROR)]),
    "7.3 with a reason": (frame(NORMAL + b"bye", CLOSE), [closed(1000)]),
    "7.3 with the longest reason": (frame(NORMAL + b"*" * 123, CLOSE), [closed(1000)]),
    "7.3 with too long a reason": (frame(NORMAL + b"*" * 124, CLOSE), [closed(PROTOCOL_ERROR)]),
    "7.5 with a reason that is not UTF-8": (frame(NORMAL + b"\xff", CLOSE), [closed(NOT_UTF8)]),
}
ALLOWED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
FORBIDDEN = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]


@pytest.mark.parametrize(("sent", "expected"), CLOSES.values(), ids=CLOSES.keys())
def test_7_closes(echo: Echo, sent: bytes, expected: Frames) -> None:
    assert told(answers(echo, sent)) == expected


@pytest.mark.parametrize("code", [*ALLOWED, *FORBIDDEN])
def test_7_codes(echo: Echo, code: int) -> None:
    answer = closed(code if code in ALLOWED else PROTOCOL_ERROR)
    assert told(answers(echo, frame(code.to_bytes(2, "big"), CLOSE))) == [answer]


@pytest.mark.parametrize("length", [64, 256, 1_300, 65_536])
def test_10_long_text_in_fragments(echo: Echo, length: int) -> None:
    text = b"*" * 65_536
    pieces = [text[i : i + length] for i in range(0, len(text), length)]
    fragments = [frame(piece, CONTINUATION, fin=False) for piece in pieces]
    sent = frame("", fin=False) + b"".join(fragments) + frame("", CONTINUATION)
    assert told(answers(echo, sent, BYE)) == [(TEXT, text), closed(1000)]


@pytest.mark.parametrize("fields", [{}, DEFLATE], ids=["plain", "compressed"])
def test_longest_message(echo: Echo, fields: dict[str, str]) -> None:
    assert told(answers(echo, frame(b"*" * MAX_BYTES, BINARY), BYE, **fields)) == [
        (BINARY, b"*" * MAX_BYTES), closed(1000),
    ]  # fmt: skip
    too_long = frame("before") + frame(b"*" * (MAX_BYTES + 1), BINARY)
    assert told(answers(echo, too_long, **fields)) == [(TEXT, b"before"), closed(TOO_BIG)]


def deflated(content: bytes, bits: int = 15) -> bytes:
    compressor = zlib.compressobj(wbits=-bits)
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


# RFC 7692 section 7.2.3.
HELLO = {
    "one block": bytes.fromhex("f248cdc9c90700"),
    "not compressed": bytes.fromhex("000500faff48656c6c6f00"),
    "last block": bytes.fromhex("f348cdc9c9070000"),
    "two blocks": bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", "")),
}


@pytest.mark.parametrize("content", HELLO.values(), ids=HELLO.keys())
def test_12_blocks(echo: Echo, content: bytes) -> None:
    expected = [(TEXT, b"Hello"), closed(1000)]
    assert told(answers(echo, frame(content, reserved=4), BYE, **DEFLATE)) == expected
    assert told(answers(echo, *one_by_one(frame(content, reserved=4)), BYE, **DEFLATE)) == expected


def test_12_ping_between_compressed_fragments(echo: Echo) -> None:
    content = deflated(b"Hello")
    for split in range(len(content) + 1):
        sent = frame(content[:split], fin=False, reserved=4) + PING_X
        sent += frame(content[split:], CONTINUATION)
        heard = told(answers(echo, sent, BYE, **DEFLATE))
        assert heard == [PONG_X, (TEXT, b"Hello"), closed(1000)]


@pytest.mark.parametrize(
    ("violation", "code"),
    [
        (lambda: frame("x", PING, reserved=4), PROTOCOL_ERROR),
        (lambda: frame("a", fin=False) + frame("b", CONTINUATION, reserved=4), PROTOCOL_ERROR),
        (lambda: frame("x", reserved=2), PROTOCOL_ERROR),
        (lambda: frame(b"\x07", reserved=4), NOT_UTF8),
        (lambda: frame(deflated(b"\xff"), reserved=4), NOT_UTF8),
        (lambda: frame(deflated(bytes(MAX_BYTES + 1)), BINARY, reserved=4), TOO_BIG),
        (lambda: frame(deflated(bytes(1 << 26)), BINARY, reserved=4), TOO_BIG),
        # Its characters are few enough.
        (lambda: frame(deflated("µ".encode() * (MAX_BYTES // 2 + 1)), reserved=4), TOO_BIG),
    ],
    ids=[
        "ping",
        "continuation",
        "other bit",
        "no deflate",
        "no UTF-8",
        "too long",
        "bomb",
        "long text",
    ],
)
def test_12_violations(echo: Echo, violation: Callable[[], bytes], code: int) -> None:
    sent = frame("before") + violation()
    assert told(answers(echo, sent, **DEFLATE)) == [(TEXT, b"before"), closed(code)]


OFFERS = {
    "13.1": {},
    "13.2 server without context": {"server_no_context_takeover": True},
    "13.3 small window": {"server_max_window_bits": 9},
    "13.4 window": {"server_max_window_bits": 12},
    "13.5 client's window": {"client_max_window_bits": 9, "server_max_window_bits": 9},
    "13.6 client without context": {"client_no_context_takeover": True},
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS.keys())
def test_13_another_client_understands_it(echo: Echo, offer: dict[str, Any]) -> None:
    chance = random.Random(7)
    words = [f"word{number} " for number in range(500)]
    texts = ["".join(chance.choices(words, k=size)) for size in (0, 1, 20, 100, 2_000, 20_000)]
    client = OtherClient(echo, PerMessageDeflate(**offer))
    for text in texts * 3:
        client.send(text, fragments=chance.randint(1, 5))
        assert client.receive() == text
    assert client.received_bytes < sum(map(len, texts * 3)) * 0.5
    client.close()


class OtherClient:
    """wsproto's client."""

    def __init__(self, echo: Echo, deflate: PerMessageDeflate) -> None:
        self._sock = socket.create_connection(("127.0.0.1", echo.port), timeout=60)
        self._client = WSConnection(ConnectionType.CLIENT)
        request = Request(host="chat", target="/", extensions=[deflate])
        self._sock.sendall(self._client.send(request))
        self.received_bytes = 0
        accepted = next(self._events())
        assert isinstance(accepted, AcceptConnection)
        assert accepted.extensions == [deflate]
        self.received_bytes = 0

    def send(self, text: str, fragments: int) -> None:
        size = len(text) // fragments + 1
        for start in range(0, size * fragments, size):
            is_last = start == size * (fragments - 1)
            part = Message(data=text[start : start + size], message_finished=is_last)
            self._sock.sendall(self._client.send(part))
            if not is_last:
                self._sock.sendall(self._client.send(Ping()))

    def receive(self) -> str:
        text = ""
        for event in self._events():
            if isinstance(event, TextMessage):
                text += event.data
                if event.message_finished:
                    return text
            else:
                assert isinstance(event, Pong)
        raise AssertionError("it has ended")

    def close(self) -> None:
        self._sock.close()

    def _events(self) -> Iterator[Any]:
        while True:
            yield from self._client.events()
            received = self._sock.recv(65536)
            self.received_bytes += len(received)
            self._client.receive_data(received or None)
