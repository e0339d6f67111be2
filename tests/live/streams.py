"""A stream as a test reads it: bytes from a socket, with a time limit."""

import http.client
import json
from types import TracebackType
from typing import Any, Self

from tests.live.server import ChatServer


class Stream:
    """A GET whose response does not end; a context manager."""

    def __init__(self, chat: ChatServer, path: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", chat.port, timeout=60)
        try:
            self._connection.request("GET", path, headers=headers)
            self.response = self._connection.getresponse()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.response.close()
        self._connection.close()

    def line(self) -> str:
        return self.response.readline().decode()

    def block(self) -> list[str]:
        """Return the lines up to the next empty one, without heartbeats."""
        lines = []
        while line := self.line().rstrip("\n"):
            if not line.startswith(":"):
                lines.append(line)
        return lines

    def names_until(self, name: str) -> list[str]:
        """Return the names of the next SSE events, the last of which is *name*."""
        names: list[str] = []
        while name not in names:
            names += [line[7:] for line in self.block() if line.startswith("event: ")]
        return names

    def event(self, name: str = "message.created") -> Any:
        """Return the data of the next SSE event of that name."""
        while True:
            fields = dict(line.split(": ", 1) for line in self.block())
            if fields.get("event") == name:
                return json.loads(fields["data"])

    def is_ended(self) -> bool:
        try:
            return self.response.readline() == b""
        except (TimeoutError, http.client.IncompleteRead, ConnectionError) as error:
            return not isinstance(error, TimeoutError)


def sse(chat: ChatServer, token: str | None = None, **headers: str) -> Stream:
    if token:
        headers["Authorization"] = f"Bearer {token}"
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Stream(chat, "/events", {"Accept": "text/event-stream", **fields})


def lines(chat: ChatServer, kind: str, query: str = "") -> Stream:
    return Stream(chat, f"/events{query}", {"Accept": kind})
