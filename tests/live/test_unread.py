"""What one has read is told to one's own connections, on every transport, and to no others."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import pytest
import websocket

from tests.live import streams
from tests.live.server import ChatServer
from tests.live.test_choice import SECONDS, Hear, heard_of

QUERY = "events=unread.updated,message.created&rooms=1"
Listen = Callable[[ChatServer, str, str], Any]


@contextmanager
def connected(chat: ChatServer, path: str, token: str) -> Iterator[Any]:
    client = cast(Any, websocket).create_connection(
        f"ws://127.0.0.1:{chat.port}{path}",
        timeout=SECONDS,
        header=[f"Authorization: Bearer {token}"],
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def sse(chat: ChatServer, token: str, cursor: str) -> Iterator[Hear]:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
    with streams.Stream(chat, f"/events?{QUERY}&after={cursor}", headers) as stream:
        assert stream.response.status == 200
        yield lambda: heard_of(stream)


@contextmanager
def json_lines(chat: ChatServer, token: str, cursor: str) -> Iterator[Hear]:
    headers = {"Accept": "application/x-ndjson", "Authorization": f"Bearer {token}"}
    with streams.Stream(chat, f"/events?{QUERY}&after={cursor}", headers) as stream:
        yield stream.line


@contextmanager
def long_polling(chat: ChatServer, token: str, cursor: str) -> Iterator[Hear]:
    waiting: list[Any] = []
    place = {"next": cursor}

    def poll() -> str:
        while not waiting:
            path = f"/api/events?after={place['next']}&wait=20&{QUERY}"
            place.update(answer := chat.call("GET", path, token).json())
            waiting.extend(answer["events"])
        return json.dumps(waiting.pop(0))

    yield poll


@contextmanager
def web_socket(chat: ChatServer, token: str, cursor: str) -> Iterator[Hear]:
    with connected(chat, f"/ws?after={cursor}&{QUERY}", token) as client:
        yield client.recv


@contextmanager
def socket_io(chat: ChatServer, token: str, cursor: str) -> Iterator[Hear]:
    path = f"/socket.io/?EIO=4&transport=websocket&{QUERY}"
    with connected(chat, path, token) as client:
        assert client.recv().startswith("0{")
        client.send("40" + json.dumps({"after": cursor, "token": token}))
        assert client.recv().startswith("40{")
        yield client.recv


@pytest.mark.parametrize(
    "listen", [sse, json_lines, long_polling, web_socket, socket_io], ids=lambda each: each.__name__
)
def test_reading_is_heard_by_its_own_connections(
    chat: ChatServer, ann: str, listen: Listen
) -> None:
    reader = chat.register(f"reader of {listen.__name__}")
    other = chat.register(f"other of {listen.__name__}")
    cursor = chat.cursor(ann)

    def read(source: str) -> None:
        """Have something said, read, and something said once more."""
        message = chat.call("POST", "/api/messages", ann, json={"source": source}).json()
        body = {"message_id": message["id"]}
        answer = chat.call("PUT", "/api/rooms/1/read", reader, json=body)
        assert answer.status_code == 200, answer.text
        chat.call("POST", "/api/messages", ann, json={"source": f"after {source}"})

    read("missed")
    with ExitStack() as stack:
        own = [stack.enter_context(listen(chat, reader, cursor)) for _ in range(2)]
        others = stack.enter_context(listen(chat, other, cursor))
        for source in ("missed", "live"):
            if source == "live":
                read(source)
            for hear in own:
                assert f"{source}" in hear()
                told = hear()
                assert "unread.updated" in told
                assert '"unread":0' in told.replace('": ', '":')
                assert f"after {source}" in hear()
            for words in (source, f"after {source}"):
                heard = others()
                assert words in heard
                assert "unread.updated" not in heard
