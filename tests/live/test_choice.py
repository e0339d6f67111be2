"""The choice of what to hear, as clients of each transport make it."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import websocket

from tests.live import streams
from tests.live.server import ChatServer

QUERY = "rooms=1&events=message.created"
Hear = Callable[[], str]
# A reload checks the new code first, which takes its time where others work too.
SECONDS = 60


@contextmanager
def connected(chat: ChatServer, path: str) -> Iterator[Any]:
    sock = socket.create_connection(("127.0.0.1", chat.port), timeout=SECONDS)
    with sock:
        # Not all of the library has types.
        yield cast(Any, websocket.create_connection(f"ws://127.0.0.1{path}", socket=sock))


@contextmanager
def sse(chat: ChatServer, cursor: str) -> Iterator[Hear]:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
    with streams.Stream(chat, f"/events?{QUERY}", headers) as stream:
        assert stream.response.status == 200
        yield lambda: heard_of(stream)


def heard_of(stream: streams.Stream) -> str:
    """Return the next event; what only says how far one is, is none."""
    while "\ndata:" not in (said := "\n".join(stream.block())):
        pass
    return said


@contextmanager
def json_lines(chat: ChatServer, cursor: str) -> Iterator[Hear]:
    query = f"?after={cursor}&{QUERY}"
    with streams.lines(chat, "application/x-ndjson", query) as stream:
        yield stream.line


@contextmanager
def long_polling(chat: ChatServer, cursor: str) -> Iterator[Hear]:
    place = {"next": cursor}

    def poll() -> str:
        path = f"/api/events?after={place['next']}&wait=20&{QUERY}"
        place.update(answer := chat.call("GET", path).json())
        (event,) = answer["events"]
        return json.dumps(event)

    yield poll


@contextmanager
def web_socket(chat: ChatServer, cursor: str) -> Iterator[Hear]:
    with connected(chat, f"/ws?after={cursor}&{QUERY}") as client:
        yield client.recv


@contextmanager
def socket_io(chat: ChatServer, cursor: str) -> Iterator[Hear]:
    with connected(chat, f"/socket.io/?EIO=4&transport=websocket&{QUERY}") as client:
        assert client.recv().startswith("0{")
        client.send("40" + json.dumps({"after": cursor}))
        assert client.recv().startswith("40{")
        yield client.recv


@pytest.mark.parametrize(
    "listen", [sse, json_lines, long_polling, web_socket, socket_io], ids=lambda each: each.__name__
)
def test_client_hears_what_it_chose(
    chat: ChatServer, ann: str, listen: Callable[[ChatServer, str], Any]
) -> None:
    room = chat.call("POST", "/api/rooms", ann, json={"name": f"of {listen.__name__}"}).json()
    cursor = chat.cursor(ann)
    elsewhere = f"/api/rooms/{room['id']}/messages"

    def say(source: str) -> None:
        chat.call("POST", elsewhere, ann, json={"source": "elsewhere"})
        chat.call("POST", "/api/messages", ann, json={"source": source})

    say("missed")
    with listen(chat, cursor) as hear:
        for source in ("missed", "live"):
            if source == "live":
                say(source)
            heard = hear()
            assert "message.created" in heard
            assert f'"source":"{source}"' in heard.replace('": ', '":')


@pytest.mark.parametrize(
    ("query", "why"),
    [("rooms=x", "rooms must be a list of ids"), ("rooms=99", "there is no such room"),
     ("events=x", "events must be a list of names")],
)  # fmt: skip
def test_wrong_choice_of_socket_io_is_refused(chat: ChatServer, query: str, why: str) -> None:
    with connected(chat, f"/socket.io/?EIO=4&transport=websocket&{query}") as client:
        assert client.recv().startswith("0{")
        client.send("40")
        refusal = client.recv()
    assert refusal.startswith("44{")
    assert why in refusal


@pytest.mark.parametrize(("query", "status"), [("rooms=x", 400), ("rooms=99", 404)])
def test_wrong_choice_of_a_websocket_is_refused(chat: ChatServer, query: str, status: int) -> None:
    with (
        pytest.raises(websocket.WebSocketBadStatusException) as refusal,
        connected(chat, f"/ws?{query}"),
    ):
        pass
    assert refusal.value.status_code == status
