"""The job's log names the connection by which a message came, whatever it was posted over."""

import json
import re
import socket
from collections.abc import Callable

import pytest
import websocket

from tests.live.server import ChatServer
from tests.waiting import wait_until

RENDERS = True
SECONDS = 60


def talk(chat: ChatServer, path: str, token: str) -> websocket.WebSocket:
    sock = socket.create_connection(("127.0.0.1", chat.port), timeout=60)
    url = f"ws://127.0.0.1:{chat.port}{path}"
    header = [f"Authorization: Bearer {token}"]
    return websocket.create_connection(url, socket=sock, header=header)


def post_over_websocket(chat: ChatServer, token: str) -> websocket.WebSocket:
    connection = talk(chat, "/ws", token)
    connection.send(json.dumps({"type": "post", "room_id": 1, "source": "over /ws"}))
    return connection


def post_over_socketio(chat: ChatServer, token: str) -> websocket.WebSocket:
    connection = talk(chat, "/socket.io/?EIO=4&transport=websocket", token)
    connection.send("40")
    connection.send("42" + json.dumps(["post_message", {"source": "over /socket.io/"}]))
    return connection


@pytest.mark.parametrize(
    ("path", "post"),
    [("/ws", post_over_websocket), ("/socket.io/", post_over_socketio)],
    ids=["websocket", "socketio"],
)
def test_job_names_the_connection(
    chat: ChatServer, path: str, post: Callable[[ChatServer, str], websocket.WebSocket]
) -> None:
    token = chat.register(f"ann{len(path)}")
    connection = post(chat, token)

    def message_id() -> int | None:
        messages = chat.call("GET", "/api/messages").json()["messages"]
        return next((m["id"] for m in messages if m["source"] == f"over {path}"), None)

    number = wait_until(message_id, SECONDS)
    found = wait_until(
        lambda: re.search(rf"message {number} rendered (\S+)\s", chat.log.read_text()), SECONDS
    )
    assert re.fullmatch("[0-9a-f]{32}", found[1])
    connection.close()
    line = rf'"GET {path}" .* {found[1]} '
    wait_until(lambda: re.search(line, chat.log.read_text()), SECONDS)
