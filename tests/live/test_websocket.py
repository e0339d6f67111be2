"""The WebSocket, by a client that people use."""

import itertools
import json
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import websocket

from ngw2f.web.websocket import RESUME_SECONDS
from tests.live.hostile import CLOSE, TEXT, Raw, frame
from tests.live.server import ChatServer
from tests.waiting import wait_until

# A reload checks the new code first, which takes its time where others work too.
SECONDS = 60


@pytest.fixture
def connection(chat: ChatServer, ann: str) -> Iterator[websocket.WebSocket]:
    client = connect(chat, f"Authorization: Bearer {ann}")
    yield client
    client.close()


def connect(chat: ChatServer, *header: str, query: str = "", **options: Any) -> websocket.WebSocket:
    url = f"ws://127.0.0.1:{chat.port}/ws{query}"
    sock = socket.create_connection(("127.0.0.1", chat.port), timeout=SECONDS)
    try:
        return websocket.create_connection(url, socket=sock, header=list(header), **options)
    except websocket.WebSocketException:
        sock.close()
        raise


def say(connection: websocket.WebSocket, **message: Any) -> None:
    connection.send(json.dumps(message))


def hear(connection: websocket.WebSocket, name: str) -> Any:
    """Return the next event of that name."""
    while True:
        event = json.loads(connection.recv())
        assert sorted(event) == ["data", "event", "id"]
        if event["event"] == name:
            return event["data"]


def test_posts_and_hears(connection: websocket.WebSocket) -> None:
    # JSON has one kind of numbers.
    say(connection, type="post", room_id=1.0, source="hello", client_id="c1")
    heard: dict[str, Any] = {}
    while len(heard) < 2:  # Which one comes first is left to chance.
        event = json.loads(connection.recv())
        if event["event"] in ("posted", "message.created"):
            heard[event["event"]] = event["data"]
    assert heard["message.created"]["source"] == "hello"
    assert heard["posted"] == {"client_id": "c1", "message": heard["message.created"]}


def test_resumes(chat: ChatServer, ann: str) -> None:
    cursor = chat.cursor(ann)
    chat.call("POST", "/api/messages", ann, json={"source": "missed"})
    client = connect(chat)
    say(client, type="resume", after=cursor)
    assert hear(client, "message.created")["source"] == "missed"
    client.close()


def test_nothing_is_lost_before_a_late_resume(chat: ChatServer, ann: str) -> None:
    cursor = chat.cursor(ann)
    start = time.monotonic()
    client = connect(chat)
    ids = [
        chat.call("POST", "/api/messages", ann, json={"source": str(number)}).json()["id"]
        for number in range(3)
    ]
    say(client, type="resume", after=cursor)
    heard: list[int] = []
    while heard[-len(ids) :] != ids:
        heard.append(hear(client, "message.created")["id"])
    # What is told before a client says where it was is told again: so long it is held back.
    assert heard == ids or time.monotonic() - start > RESUME_SECONDS
    client.close()


def test_ping_is_answered(connection: websocket.WebSocket) -> None:
    say(connection, type="ping")
    assert hear(connection, "pong") == {}


def test_typing_is_told(chat: ChatServer) -> None:
    # Nobody of the other tests: the server tells of each no more than once in some seconds.
    connection = connect(chat, f"Authorization: Bearer {chat.token_of('typist')}")
    say(connection, type="typing", room_id=1)
    # Others may have typed just before.
    while hear(connection, "typing")["nickname"] != "typist":
        pass
    connection.close()


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"type": "post", "room_id": 99, "source": "x"}, 404),
        ({"type": "post", "room_id": -1, "source": "x"}, 404),
        ({"type": "post", "room_id": 1, "source": ""}, 400),
        ({"type": "post", "room_id": "1", "source": "x"}, 400),
        ({"type": "dance"}, 400),
        ([], 400),
    ],
)
def test_what_cannot_be_is_refused(
    connection: websocket.WebSocket, message: Any, status: int
) -> None:
    connection.send(json.dumps(message))
    assert hear(connection, "error")["status"] == status


@pytest.mark.parametrize(
    "payload",
    [b'{"type": "\xff"}', b'{"type": "ping", "client_id": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"],
    ids=["not UTF-8", "too deep"],
)
def test_what_cannot_be_read_is_refused(connection: websocket.WebSocket, payload: bytes) -> None:
    connection.send_binary(payload)
    assert hear(connection, "error")["status"] == 400
    say(connection, type="ping")
    assert hear(connection, "pong") == {}


def test_client_that_leaves_at_once_is_no_error(chat: ChatServer) -> None:
    before = chat.log.read_text().count('"GET /ws"')
    connect(chat).close()
    wait_until(lambda: chat.log.read_text().count('"GET /ws"') > before)
    assert "Traceback" not in chat.log.read_text()


def test_anybody_may_read_but_not_post(chat: ChatServer) -> None:
    client = connect(chat)
    say(client, type="post", room_id=1, source="x", client_id=5)
    refused = hear(client, "error")
    assert (refused["status"], refused["client_id"]) == (401, 5)
    client.close()


def test_other_sites_may_not_use_the_cookie(chat: ChatServer, ann: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        connect(chat, f"Cookie: session={ann}", origin="https://evil.example")


def test_our_own_page_may(chat: ChatServer, ann: str) -> None:
    client = connect(chat, f"Cookie: session={ann}", origin=chat.url)
    say(client, type="post", room_id=1, source="by cookie")
    assert hear(client, "posted")["message"]["source"] == "by cookie"
    client.close()


def test_pings_of_the_protocol_are_answered(connection: websocket.WebSocket) -> None:
    connection.ping("there?")
    code, payload = connection.recv_data(control_frame=True)
    while code != websocket.ABNF.OPCODE_PONG:
        code, payload = connection.recv_data(control_frame=True)
    assert payload == b"there?"


DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
AGREED = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def test_clients_that_compress_get_the_same_frame(chat: ChatServer, ann: str) -> None:
    cursor = chat.cursor(ann)
    chat.call("POST", "/api/messages", ann, json={"source": "again " * 300})
    frames = []
    for fields in (DEFLATE, DEFLATE, {}):
        with Raw(chat, f"/ws?after={cursor}", **fields) as raw:
            assert (AGREED in raw.head) == bool(fields)
            while b"again" not in (text := inflated(heard(raw), is_deflated=bool(fields))):
                pass
            frames.append(text)
    assert frames[0] == frames[1] == frames[2]


def heard(raw: Raw) -> bytes:
    """Return the next frame's payload; fail where the connection ends before."""
    opcode, payload = raw.receive()
    assert opcode
    return payload


def inflated(payload: bytes, *, is_deflated: bool) -> bytes:
    """Return a long text as it was; a short one, such as of a ping, is never compressed."""
    if not is_deflated or payload.startswith(b"{") or not payload:
        return payload
    return zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")


def test_compressed_post_is_taken(chat: ChatServer, ann: str) -> None:
    compressor = zlib.compressobj(wbits=-15)
    post = b'{"type": "post", "room_id": 1, "source": "compressed", "client_id": 3}'
    content = compressor.compress(post) + compressor.flush(zlib.Z_SYNC_FLUSH)
    with Raw(chat, "/ws", Authorization=f"Bearer {ann}", **DEFLATE) as raw:
        raw.sock.sendall(frame(content[:-4], reserved=4))
        texts = (inflated(heard(raw), is_deflated=True) for _ in itertools.count())
        assert any(b'"posted"' in text and b"compressed" in text for text in texts)


def test_what_came_before_a_violation_is_answered(chat: ChatServer) -> None:
    with Raw(chat, "/ws") as raw:
        raw.sock.sendall(frame('{"type":"ping"}') * 2 + frame("x", 3) + frame('{"type":"ping"}'))
        frames = [raw.receive()]
        while frames[-1][0] not in (CLOSE, 0):
            frames.append(raw.receive())
        # What was posted just before may be told between the answers.
        assert sum(opcode == TEXT and b'"pong"' in text for opcode, text in frames) == 2
        opcode, reason = frames[-1]
        assert opcode == CLOSE
        assert reason.startswith((1002).to_bytes(2, "big"))
        assert raw.receive() == (0, b"")


def test_revoked_token_closes_it(chat: ChatServer, ann: str) -> None:
    token = chat.register("carl")
    client = connect(chat, f"Authorization: Bearer {token}")
    say(client, type="ping")
    hear(client, "pong")
    chat.call("DELETE", "/api/tokens", token)
    assert closing_code(client) == 1008


def test_plain_request_is_told_to_upgrade(chat: ChatServer) -> None:
    assert chat.call("GET", "/ws").status_code == 426


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_other_version_is_told_which_one_there_is(chat: ChatServer) -> None:
    answer = chat.call("GET", "/ws", headers=HANDSHAKE | {"Sec-WebSocket-Version": "8"})
    assert (answer.status_code, answer.headers["Sec-WebSocket-Version"]) == (426, "13")


@pytest.mark.parametrize(
    "field",
    [{"Sec-WebSocket-Key": ""}, {"Sec-WebSocket-Key": "c2hvcnQ="}, {"Connection": "close"}],
    ids=["no key", "short key", "no upgrade"],
)
def test_incomplete_handshake_is_refused(chat: ChatServer, field: dict[str, str]) -> None:
    assert chat.call("GET", "/ws", headers=HANDSHAKE | field).status_code == 400


def test_reload_closes_it_with_service_restart(chat: ChatServer, ann: str) -> None:
    client = connect(chat)
    say(client, type="ping")
    # The new worker serves first: on a busy machine that takes a while.
    client.settimeout(60)
    chat.reload()
    assert closing_code(client) == 1012


def closing_code(client: Any) -> int:
    while True:
        code, payload = client.recv_data(control_frame=True)
        if code == websocket.ABNF.OPCODE_CLOSE:
            client.shutdown()
            return int.from_bytes(payload[:2], "big")
