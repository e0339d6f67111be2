"""WebSocket clients that send what no client sends: errors for them, and nothing else."""

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.live.hostile import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Raw,
    clients,
    frame,
    log_since,
    posts,
)
from tests.live.server import ChatServer
from tests.waiting import wait_until

DEEP = "[" * 5_000 + "]" * 5_000
DIGITS = "1" * 5_000


@pytest.fixture(scope="module", autouse=True)
def quiet(chat: ChatServer) -> Iterator[None]:
    """Whatever came, it leaves no traceback, and no subscription."""
    start = len(chat.log.read_bytes())
    yield
    wait_until(lambda: clients(chat, "websocket") == 0)
    written = log_since(chat, start)
    assert "Traceback" not in written
    assert " 500 " not in written


@pytest.fixture
def client(chat: ChatServer, ann: str) -> Iterator[Raw]:
    with Raw(chat, "/ws", Authorization=f"Bearer {ann}") as raw:
        yield raw


def event(client: Raw, *names: str) -> Any:
    while True:
        heard = json.loads(client.text("{"))
        if heard["event"] in names:
            return heard


MESSAGES = {
    "empty": "",
    "not JSON": "x",
    "null": "null",
    "no type": "{}",
    "type of a number": '{"type":5}',
    "long type": json.dumps({"type": "x" * 100_000}),
    "lone surrogate": '{"type":"post","room_id":1,"source":"\\ud800"}',
    "lone surrogate as a name": '{"type":"post","room_id":1,"source":"x","client_id":"\\udc00"}',
    "many digits": f'{{"type":"post","source":"x","room_id":{DIGITS}}}',
    "large room": '{"type":"post","source":"x","room_id":99999999999999999999999999}',
    "not a number": '{"type":"post","source":"x","room_id":NaN}',
    "infinity": '{"type":"post","source":"x","room_id":-Infinity}',
    "fraction": '{"type":"post","source":"x","room_id":1.5}',
    "truth": '{"type":"post","source":"x","room_id":true}',
    "deep": f'{{"type":"post","room_id":1,"source":{DEEP}}}',
    "deep in what is not read": f'{{"type":"post","room_id":1,"other":{DEEP}}}',
    "resume after a number": '{"type":"resume","after":5}',
    "resume after null": '{"type":"resume","after":null}',
    "nothing to post": '{"type":"post","room_id":1}',
    "typing nowhere": '{"type":"typing"}',
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_bad_message_is_an_error_for_the_client(client: Raw, message: str) -> None:
    client.send(message, '{"type":"ping"}')
    refused = event(client, "error")
    assert 400 <= refused["data"]["status"] < 500
    assert len(refused["data"]["detail"]) < 200
    event(client, "pong")


@pytest.mark.parametrize(
    "client_id",
    ["", "x" * 256, 1.5, True, [], [1], {}, {"a": 1}, 2**53 + 2, -(2**53) - 2, 10**30],
    ids=str,
)
def test_post_under_a_bad_name_is_refused_and_not_stored(
    chat: ChatServer, client: Raw, client_id: object
) -> None:
    source = f"under {str(client_id)[:9]}"
    message = {"type": "post", "room_id": 1, "source": source, "client_id": client_id}
    client.send(json.dumps(message))
    assert event(client, "error", "posted")["event"] == "error"
    assert source not in posts(chat)


def test_post_under_a_deep_name_is_not_stored(chat: ChatServer, client: Raw) -> None:
    deep = "[" * 900 + "]" * 900
    client.send(f'{{"type":"post","room_id":1,"source":"deep name","client_id":{deep}}}')
    assert event(client, "error", "posted")["event"] == "error"
    assert "deep name" not in posts(chat)


@pytest.mark.parametrize("after", ["", "x", "9" * 40, "-1", "18446744073709551616-1", "0-0"])
def test_any_id_may_be_gone_on_after(client: Raw, after: str) -> None:
    client.send(json.dumps({"type": "resume", "after": after}), '{"type":"ping"}')
    event(client, "pong")


FRAMES = {
    "reserved opcode": frame("x", 3),
    "reserved control opcode": frame("x", 11),
    "reserved bit": bytes([0xC1]) + frame("x")[1:],
    "not masked": b"\x81\x01x",
    "long ping": frame("x" * 126, PING),
    "fragmented ping": frame("x", PING, fin=False),
    "continuation of nothing": frame("x", 0),
    "text in a fragmented text": frame("x", fin=False) + frame("x"),
    "not UTF-8": frame(b"\xff"),
    "surrogate in UTF-8": frame(b"\xed\xa0\x80"),
    "length of 2**63": b"\x81\xff" + b"\xff" * 8 + b"mask",
    "length of 2**62": b"\x81\xff\x3f" + b"\xff" * 7 + b"mask" + b"x" * 300_000,
    "length that is too long for it": b"\x81\xfe\x00\x01mask" + b"x",
    "close of one byte": frame(b"\x03", CLOSE),
    "close with no code of ours": frame(b"\x03\xe7", CLOSE),
    "close with 1005": frame(b"\x03\xed", CLOSE),
    "close not UTF-8": frame(b"\x03\xe8\xff", CLOSE),
    "too long": frame("x" * 300_000),
    "too long in fragments": b"".join(frame("x" * 50_000, TEXT if not i else 0, fin=False)
                                      for i in range(7)),
    "HTTP": b"GET /metrics HTTP/1.1\r\nHost: chat\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("frames", FRAMES.values(), ids=FRAMES.keys())
def test_bad_frame_ends_the_connection(client: Raw, frames: bytes) -> None:
    with suppress(OSError):  # It may have ended already.
        client.sock.sendall(frames + b"GET /metrics HTTP/1.1\r\nHost: chat\r\n\r\n" * 10)
    assert b"HTTP/1" not in client.rest()


def test_control_frames_between_fragments_are_answered(client: Raw) -> None:
    client.sock.sendall(frame('{"type":', fin=False) + frame("a", PING) + frame("b", PONG))
    while (heard := client.receive())[0] != PONG:
        pass
    assert heard[1] == b"a"
    client.sock.sendall(frame('"ping"}', 0))
    event(client, "pong")


def test_bytes_may_be_json_too(client: Raw) -> None:
    client.sock.sendall(frame(b'{"type":"ping"}', BINARY))
    event(client, "pong")


@pytest.mark.parametrize(
    "fields",
    [{"Sec-WebSocket-Extensions": "permessage-deflate; ("}, {"Sec-WebSocket-Protocol": ",,"},
     {"X-Strange": "caf\xe9"}, {"Transfer": "\t"}, {"Sec-WebSocket-Accept": "x"},
     {"Connection": "keep-alive, Upgrade"}, {"Upgrade": "WebSocket"}],
)  # fmt: skip
def test_other_fields_of_the_handshake_are_no_matter(
    chat: ChatServer, fields: dict[str, str]
) -> None:
    with Raw(chat, "/ws", **fields) as raw:
        assert raw.head.startswith(b"HTTP/1.1 101 ")
        raw.send('{"type":"ping"}')
        event(raw, "pong")


def test_random_bytes_end_the_connection(chat: ChatServer) -> None:
    # The same ones in each run: now and then, some are the start of a long frame.
    chance = random.Random(1)
    for _ in range(50):
        with Raw(chat, "/ws") as raw:
            raw.sock.sendall(chance.randbytes(300) + b"\x00\x00")
            assert b"HTTP/1" not in raw.rest()
