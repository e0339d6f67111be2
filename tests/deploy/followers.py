"""Clients of the live transports, over TLS, that come back with the last id that they have seen."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import websocket

from tests.nginx.running import Client

PAUSE_SECONDS = 0.2
WAIT_SECONDS = 5
# More than the time between two heartbeats.
SILENCE_SECONDS = 60


class RefusedError(Exception):
    """A stream was not given."""


class Follower(threading.Thread):
    """Collects the messages' ids in the order of their `message.created`."""

    def __init__(self, client: Client, cursor: str) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.cursor = cursor
        self.created: list[int] = []
        self.rendered: set[int] = set()
        self.resyncs = 0
        # How often it connected, how often the connection broke, and what it was refused with.
        self.opened = 0
        self.breaks: list[str] = []
        self.refusals: list[str] = []
        self._ended = threading.Event()
        self._socket: socket.socket | None = None

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self.follow()
            except (OSError, ValueError, http.client.HTTPException,
                    websocket.WebSocketException) as error:  # fmt: skip
                # What `stop` breaks is none.
                if not self._ended.is_set():
                    self.breaks.append(repr(error))
            except RefusedError as error:
                self.refusals.append(str(error))
            self._ended.wait(PAUSE_SECONDS)

    def follow(self) -> None:
        """Connect, and take what comes until the connection ends."""
        raise NotImplementedError

    def stop(self) -> None:
        self._ended.set()
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self.join(60)

    def note(self, event_id: str, name: str, message: Any) -> None:
        self.cursor = event_id
        if name == "message.created":
            self.created.append(message["id"])
        if name == "message.updated" and message["rendered"]:
            self.rendered.add(message["id"])
        self.resyncs += name == "resync"

    @contextlib.contextmanager
    def get(self, target: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        connection = self.client.connect(SILENCE_SECONDS)
        with contextlib.closing(connection):
            connection.connect()
            self._socket = connection.sock
            fields = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request("GET", target, headers=fields)
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise RefusedError(f"{response.status} {response.read(200)!r}")
            self.opened += 1
            yield response
            # An answer that was cut off reads as one that has ended; only the latter is closed.
            if not response.isclosed():
                raise http.client.IncompleteRead(b"")

    def ask(self, connection: http.client.HTTPSConnection, target: str) -> Any:
        """Return what an answer says, over a connection for many: a handshake takes longer."""
        connection.request("GET", target)
        self._socket = connection.sock
        response = connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            raise RefusedError(f"{response.status} {content[:200]!r}")
        return json.loads(content)


class SSEFollower(Follower):
    def follow(self) -> None:
        with self.get("/events", Accept="text/event-stream", Last_Event_ID=self.cursor) as answer:
            fields: dict[str, str] = {}
            while line := answer.readline().decode():
                name, _, text = line.rstrip("\n").partition(": ")
                fields[name] = text
                if line == "\n":
                    if "data" in fields:
                        self.note(fields["id"], fields["event"], json.loads(fields["data"]))
                    fields = {}


class LinesFollower(Follower):
    def follow(self) -> None:
        target = f"/events?after={self.cursor}"
        with self.get(target, Accept="application/x-ndjson") as answer:
            while line := answer.readline():
                # A heartbeat is an empty one.
                if line.strip():
                    event = json.loads(line)
                    self.note(event["id"], event["event"], event["data"])


class PollFollower(Follower):
    def follow(self) -> None:
        with contextlib.closing(self.client.connect(SILENCE_SECONDS)) as connection:
            while not self._ended.is_set():
                path = f"/api/events?after={self.cursor}&wait={WAIT_SECONDS}"
                found = self.ask(connection, path)
                for event in found["events"]:
                    self.note(event["id"], event["event"], event["data"])
                self.cursor = found["next"]


class WebSocketFollower(Follower):
    def follow(self) -> None:
        self._socket = self.client.secure_socket(SILENCE_SECONDS)
        with contextlib.closing(self._socket):
            try:
                # For a `resume` the server waits a second, and this machine may be slower.
                url = f"wss://{self.client.host}/ws?after={self.cursor}"
                connection = websocket.create_connection(url, socket=self._socket)
            except websocket.WebSocketBadStatusException as error:
                raise RefusedError(str(error)) from error
            self.opened += 1
            while text := connection.recv():
                event = json.loads(text)
                self.note(event["id"], event["event"], event["data"])


class HistoryFollower(Follower):
    """Reads the history on and on, from the greatest id that it has seen."""

    def follow(self) -> None:
        with contextlib.closing(self.client.connect(SILENCE_SECONDS)) as connection:
            while not self._ended.is_set():
                after = self.created[-1] if self.created else 0
                path = f"/api/messages?after={after}&limit=200"
                found = self.ask(connection, path)["messages"]
                self.created += [message["id"] for message in found]
                if not found:
                    self._ended.wait(PAUSE_SECONDS / 4)


EVERY_KIND = (SSEFollower, LinesFollower, PollFollower, WebSocketFollower)


@contextlib.contextmanager
def following(
    client: Client, kinds: Sequence[type[Follower]] = EVERY_KIND
) -> Iterator[list[Follower]]:
    """Give a follower of each kind, from here on."""
    cursor = client.ask("/api/events").json["next"]
    followers = [kind(client, cursor) for kind in kinds]
    for follower in followers:
        follower.start()
    try:
        yield followers
    finally:
        for follower in followers:
            follower.stop()
