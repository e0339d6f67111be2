"""Socket.IO, spoken as its client does: Engine.IO 4 by polling and by WebSocket."""

import json
import socket
import time
from typing import Any, cast

import pytest
import websocket

from tests.live.server import ChatServer

POLLING = "/socket.io/?EIO=4&transport=polling"


class Client:
    """A client over a WebSocket; `emit` and `hear` know the packets of the default namespace."""

    def __init__(self, chat: ChatServer, auth: dict[str, Any] | None = None) -> None:
        sock = socket.create_connection(("127.0.0.1", chat.port), timeout=60)
        url = f"ws://127.0.0.1:{chat.port}/socket.io/?EIO=4&transport=websocket"
        # Not all of the library has types.
        self.connection = cast(Any, websocket.create_connection(url, socket=sock))
        assert self.connection.recv().startswith("0{")
        self.connection.send("40" + (json.dumps(auth) if auth else ""))
        self.connected: str = self.connection.recv()

    def emit(self, *event: Any) -> None:
        self.connection.send("42" + json.dumps(event))

    def ask(self, *event: Any) -> Any:
        """Emit an event and return what it is acknowledged with."""
        self.connection.send("421" + json.dumps(event))
        while not (packet := self.connection.recv()).startswith("431"):
            pass
        return json.loads(packet[3:])[0]

    def hear(self, name: str) -> Any:
        while True:
            packet = self.connection.recv()
            if packet.startswith("42"):
                heard, *values = json.loads(packet[2:])
                if heard == name:
                    return values[0] if values else None

    def close(self) -> None:
        self.connection.shutdown()


def test_post_comes_back_as_a_model(chat: ChatServer, ann: str) -> None:
    client = Client(chat)
    source = "by an event"
    client.emit("post_message", {"source": source}, ann)
    update = client.hear("updated_model")
    # What others posted just before may be told first.
    while (update["event"], update["model"].get("source")) != ("message.created", source):
        update = client.hear("updated_model")
    assert update["class"] == "Message"
    assert update["id"]
    client.close()


def test_token_of_the_connection_is_enough(chat: ChatServer, ann: str) -> None:
    client = Client(chat, {"token": ann})
    client.emit("post_message", {"source": "by the connection's token"})
    while client.hear("updated_model")["model"].get("source") != "by the connection's token":
        pass
    client.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ([{"source": "x", "room_id": "1"}], "room_id must be a whole number"),
        ([{"source": "x", "room_id": True}], "room_id must be a whole number"),
        ([{"source": "x", "room_id": 10**15}], "there is no such room"),
        ([{"source": " "}], "a message must not be empty"),
        ([{"source": 5}], "source must be text"),
        (["text"], "source must be text"),
        ([], "source must be text"),
    ],
)
def test_what_cannot_be_posted_is_refused(
    chat: ChatServer, ann: str, said: list[Any], error: str
) -> None:
    client = Client(chat, {"token": ann})
    assert client.ask("post_message", *said)["error"] == error
    client.close()


def test_post_is_acknowledged_with_the_message(chat: ChatServer, ann: str) -> None:
    client = Client(chat)
    posted = client.ask("post_message", {"source": "hello", "room_id": 1}, ann)
    assert posted["source"] == "hello"
    # JSON has one kind of numbers.
    answering = {"source": "hello", "room_id": 1.0, "reply_to": float(posted["id"])}
    assert client.ask("post_message", answering, ann)["reply_to"] == posted["id"]
    wrong = {"source": "hello", "file_ids": [1e3]}
    assert (
        client.ask("post_message", wrong, ann)["error"] != "file_ids must be a list of ids of files"
    )
    assert "error" in client.ask("post_message", {"source": "hello"})
    client.close()


def test_typing_is_told(chat: ChatServer) -> None:
    # Nobody of the other tests: the server tells of each no more than once in some seconds.
    client = Client(chat, {"token": chat.token_of("socket typist")})
    client.emit("typing", {"room_id": 1})
    # Others may have typed just before.
    update = client.hear("updated_model")
    while (update["class"], update["model"].get("nickname")) != ("Typing", "socket typist"):
        update = client.hear("updated_model")
    assert update["model"]["room_id"] == 1
    client.close()


def test_resumes_after_an_id(chat: ChatServer, ann: str) -> None:
    cursor = chat.call("GET", "/api/events").json()["next"]
    chat.call("POST", "/api/messages", ann, json={"source": "missed"})
    client = Client(chat, {"token": ann, "after": cursor})
    while client.hear("updated_model")["model"].get("source") != "missed":
        pass
    client.close()


def test_bad_token_is_refused(chat: ChatServer) -> None:
    client = Client(chat, {"token": "nonsense"})
    assert client.connected.startswith("44")
    client.close()


def test_event_with_a_bad_token_is_told_so(chat: ChatServer) -> None:
    client = Client(chat)
    client.emit("post_message", {"source": "hello"}, "nonsense")
    assert client.hear("expired_token") is None
    client.close()


def test_ping_user_makes_one_online(chat: ChatServer) -> None:
    token = chat.register("carla")
    client = Client(chat)
    client.emit("ping_user", token)
    deadline = time.monotonic() + 60
    while "carla" not in chat.call("GET", "/api/users?online=1").text:
        assert time.monotonic() < deadline
    client.close()


def test_other_sites_may_not_use_the_cookie(chat: ChatServer, ann: str) -> None:
    headers = {"Cookie": f"session={ann}", "Origin": "https://evil.example"}
    assert chat.call("GET", POLLING, headers=headers).status_code == 400


def test_polling_works_with_one_process(chat: ChatServer) -> None:
    answer = chat.call("GET", POLLING)
    assert answer.status_code == 200
    assert "websocket" in json.loads(answer.text[1:])["upgrades"]
