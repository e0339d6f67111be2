"""Tickets at several processes: one opens one stream, which ends with its token."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import websocket

from tests.live.server import ChatServer
from tests.live.streams import Stream
from tests.live.test_websocket import connect, hear, say

WORKERS = 2
SSE = {"Accept": "text/event-stream"}


def ask_ticket(chat: ChatServer, token: str) -> str:
    return str(chat.call("POST", "/api/tickets", token).json()["ticket"])


def test_of_many_requests_one_gets_the_stream(chat: ChatServer, ann: str) -> None:
    path = f"/api/events?after=0&wait=0&ticket={ask_ticket(chat, ann)}"
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: chat.call("GET", path).status_code, range(24)))
    assert sorted(statuses) == [200] + [401] * 23


def test_stream_ends_when_the_token_is_revoked(chat: ChatServer) -> None:
    token = chat.register("bob")
    path = f"/events?ticket={ask_ticket(chat, token)}"
    with Stream(chat, path, SSE) as stream:
        assert stream.response.status == 200
        chat.call("POST", "/api/messages", token, json={"source": "hello"})
        assert stream.event()["source"] == "hello"
        chat.call("DELETE", "/api/tokens", token)
        while stream.line():
            pass
    # A browser's EventSource comes back to the same address, and gives up at this.
    with Stream(chat, path, SSE) as stream:
        assert stream.response.status == 401


def wait_for_end(client: Any) -> None:
    """Read until the server closes the connection; recv() returns nothing for its close frame."""
    with contextlib.suppress(websocket.WebSocketConnectionClosedException):
        while client.recv():
            pass


def test_websocket_posts_until_the_token_is_revoked(chat: ChatServer) -> None:
    token = chat.register("carl")
    ticket = ask_ticket(chat, token)
    client: Any = connect(chat, query=f"?ticket={ticket}")
    say(client, type="post", room_id=1, source="by ticket", client_id=1)
    assert hear(client, "posted")["message"]["source"] == "by ticket"
    chat.call("DELETE", "/api/tokens", token)
    wait_for_end(client)
    # It says that it is closed already, but keeps its socket.
    client.shutdown()
    with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
        connect(chat, query=f"?ticket={ticket}")


def test_log_has_no_ticket(chat: ChatServer, ann: str) -> None:
    ticket = ask_ticket(chat, ann)
    connect(chat, query=f"?ticket={ticket}").close()
    assert chat.call("GET", f"/events?ticket={ticket}").status_code == 401
    chat.stop()
    log = chat.log.read_text()
    assert "/events" in log
    assert "ticket=" not in log
    assert ticket not in log
