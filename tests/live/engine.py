"""A client of Socket.IO by polling, each of whose requests may reach another worker."""

import itertools
import json
from typing import Any

import requests

from tests.live.hostile import POLLING, Raw
from tests.live.server import ChatServer

SECONDS = 300
SEPARATOR = "\x1e"


class Poller:
    """A session; `heard` are the events so far, `acknowledged` the answers by their ids.

    `since` is the newest message before it. A worker that is behind tells of older ones, too.
    """

    def __init__(self, chat: ChatServer, since: int | None = None, **auth: Any) -> None:
        self._chat = chat
        self.since = newest_message(chat) if since is None else since
        self._ids = itertools.count()
        self.heard: list[list[Any]] = []
        self.acknowledged: dict[int, Any] = {}
        self.welcome: dict[str, Any] = {}
        opened = chat.call("GET", POLLING)
        assert opened.status_code == 200, opened.text
        self.url = f"{POLLING}&sid={json.loads(opened.text[1:])['sid']}"
        assert self.post("40" + json.dumps(auth)).text == "ok"
        while not self.welcome:
            self.poll()

    def post(self, *packets: str, stamp: str = "") -> Any:
        url = f"{self.url}&t={stamp}" if stamp else self.url
        return self._chat.call("POST", url, data=SEPARATOR.join(packets).encode())

    def poll(self) -> requests.Response:
        answer: requests.Response = self._chat.call("GET", self.url)
        if answer.status_code == 200:
            for packet in answer.text.split(SEPARATOR):
                self._take(packet)
        return answer

    def emit(self, *event: Any) -> int:
        """Emit an event and return the id of its acknowledgement."""
        number = next(self._ids)
        assert self.post(f"42{number}{json.dumps(event)}").text == "ok"
        return number

    def ask(self, *event: Any) -> Any:
        number = self.emit(*event)
        while number not in self.acknowledged:
            assert self.poll().status_code == 200
        return self.acknowledged[number]

    def upgrade(self) -> Raw:
        """Return the WebSocket that goes on with the session."""
        raw = Raw(self._chat, self.url.replace("polling", "websocket"))
        raw.send("2probe")
        raw.text("3probe")
        # As clients do: a poll that is under way ends first.
        self.poll()
        raw.send("5")
        return raw

    @property
    def offset(self) -> str | None:
        """What an official client remembers: the last value of the last event."""
        return next((event[-1] for event in reversed(self.heard) if len(event) > 1), None)

    def sources(self) -> list[str]:
        return sources_of(self.heard, self.since)

    def _take(self, packet: str) -> None:
        if packet.startswith("40"):
            self.welcome = json.loads(packet[2:])
        elif packet.startswith("43"):
            number, bracket, values = packet[2:].partition("[")
            self.acknowledged[int(number)] = json.loads(bracket + values)[0]
        elif packet.startswith("42"):
            self.heard.append(json.loads(packet[2:]))
        else:
            assert packet in ("2", "6", "1"), packet
            if packet == "2":
                self.post("3")


def sources_of(events: list[list[Any]], since: int) -> list[str]:
    """Return the messages that were created after the one with the id *since*, in their order."""
    return [
        event[1]["model"]["source"]
        for event in events
        if event[0] == "updated_model" and event[1]["event"] == "message.created"
        if event[1]["model"]["id"] > since
    ]


def newest_message(chat: ChatServer) -> int:
    """Return the id of the lobby's newest message; 0 if it has none."""
    messages = chat.call("GET", "/api/messages").json()["messages"]
    return max((message["id"] for message in messages), default=0)
