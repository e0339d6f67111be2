"""Listeners, one for each way in that Python and curl know. Each comes back with its last id."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import requests
import websocket
from httpx_sse import connect_sse

PAUSE_SECONDS = 0.2


class Listener(threading.Thread):
    """Collect the ids of messages in the order of their `message.created`."""

    name_of_client = ""

    def __init__(self, port: int, cursor: str) -> None:
        super().__init__(daemon=True)
        self.base = f"127.0.0.1:{port}"
        self.cursor = cursor
        self.seen: list[int] = []
        self.resyncs = 0
        self.is_stopping = False

    def run(self) -> None:
        while not self.is_stopping:
            with suppress(OSError, httpx.HTTPError, requests.RequestException,
                          websocket.WebSocketException, ValueError):  # fmt: skip
                self.listen()
            time.sleep(PAUSE_SECONDS)

    def listen(self) -> None:
        raise NotImplementedError

    def note(self, event_id: str, name: str, data: Any) -> None:
        self.cursor = event_id
        self.resyncs += name == "resync"
        if name == "message.created":
            self.seen.append(data["id"])


class HttpxSSE(Listener):
    def listen(self) -> None:
        with (
            httpx.Client(timeout=30) as client,
            connect_sse(client, "GET", f"http://{self.base}/events",
                        headers={"Last-Event-ID": self.cursor}) as source,
        ):  # fmt: skip
            for event in source.iter_sse():
                if event.data:
                    self.note(event.id, event.event, json.loads(event.data))


class CurlSSE(Listener):
    def listen(self) -> None:
        command = ["curl", "-sN", "-H", "Accept: text/event-stream", "-H",
                   f"Last-Event-ID: {self.cursor}", f"http://{self.base}/events"]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        fields: dict[str, str] = {}
        try:
            for line in process.stdout:
                name, _, value = line.rstrip("\n").partition(": ")
                if line == "\n" and "data" in fields:
                    self.note(fields["id"], fields["event"], json.loads(fields["data"]))
                    fields = {}
                fields[name] = value
                if self.is_stopping:
                    return
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class RawLines(Listener):
    """JSON lines over a bare socket, by HTTP/1.0, so without chunks."""

    def listen(self) -> None:
        host, port = self.base.split(":")
        with (
            socket.create_connection((host, int(port)), timeout=30) as sock,
            sock.makefile("rb") as lines,
        ):
            sock.sendall(f"GET /events?after={self.cursor} HTTP/1.0\r\nHost: chat\r\n"
                         "Accept: application/x-ndjson\r\n\r\n".encode())  # fmt: skip
            while lines.readline().strip():
                pass
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                event = json.loads(line)
                self.note(event["id"], event["event"], event["data"])
                if self.is_stopping:
                    return


class LongPoll(Listener):
    def listen(self) -> None:
        while not self.is_stopping:
            asked = {"after": self.cursor, "wait": "3"}
            response = requests.get(f"http://{self.base}/api/events", asked, timeout=30)
            # While the database is busy it may say so: then one asks again.
            response.raise_for_status()
            answer = response.json()
            for event in answer["events"]:
                self.note(event["id"], event["event"], event["data"])
            self.cursor = answer["next"]


class WebSocketClient(Listener):
    def listen(self) -> None:
        host, port = self.base.split(":")
        # The client would leave a socket open whose handshake fails.
        with socket.create_connection((host, int(port)), timeout=30) as sock:
            # For a `resume` the server waits a second, and this machine may be slower.
            url = f"ws://{self.base}/ws?after={self.cursor}"
            connection = websocket.create_connection(url, socket=sock)
            for event in _frames(connection):
                self.note(event["id"], event["event"], event["data"])
                if self.is_stopping:
                    return


def _frames(connection: Any) -> Iterator[Any]:
    while text := connection.recv():
        yield json.loads(text)


ALL = (HttpxSSE, CurlSSE, RawLines, LongPoll, WebSocketClient)
