"""What a server does to responses, seen from a socket."""

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.matrix.observed import OFFERED, OWN_DATE

SECONDS = 10


@dataclass
class Seen:
    """One response as it came: the head of the last message, those before it, and the rest."""

    status: int = 0
    fields: list[tuple[str, str]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    content: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def has_chunks(self) -> bool:
        return "chunked" in self.all("transfer-encoding")


def ask(port: int, path: str, method: str = "GET", version: str = "1.1") -> Seen:
    """Ask, and read until the server ends the connection."""
    line = f"{method} {path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(line.encode())
        try:
            data = b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:
            data = b""
    seen = Seen()
    while data.startswith(b"HTTP/"):
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        seen.status = int(first.split()[1])
        pairs = [line.partition(":") for line in lines]
        seen.fields = [(name.lower(), value.strip()) for name, _, value in pairs]
        if seen.status < 200:
            seen.interim.append(seen.status)
    seen.content = data
    return seen


def observe(port: int, place: Path) -> dict[str, str]:
    """Return what was seen, by the heading of its column."""
    return {
        "Date": date(port),
        "HEAD": head(port),
        "103": "yes" if ask(port, "/hints").interim else "no",
        "`close()`": closes(port, place),
        "`write()`": "yes" if b"one," in ask(port, "/write").content else "no",
        "no length, HTTP/1.1": "chunked" if ask(port, "/stream").has_chunks() else framing(port),
        "one chunk": "a length" if ask(port, "/").all("content-length") else "no length",
        "too short": short(port),
        "too long": long(port),
        "body of a 204": "dropped" if not ask(port, "/204").content else "sent",
        "late `start_response`": late(port),
        "latin-1 field": latin(port),
        "stale while refreshing": refreshes(port, place),
        "environ": offered(port),
    }


def offered(port: int) -> str:
    # Werkzeug's server sends chunks even to a client of HTTP/1.0; their sizes are no names.
    words = ask(port, "/flags", version="1.0").content.decode().split()
    return ", ".join(f"`{word}`" for word in words if word in OFFERED)


def date(port: int) -> str:
    added = len(ask(port, "/").all("date"))
    own = ask(port, "/date").all("date")
    kept = {(True, 1): "keeps ours", (True, 2): "sends ours and its own"}
    return f"{'adds one' if added else 'adds none'}, " + kept.get(
        (OWN_DATE in own, len(own)), "replaces ours"
    )


def head(port: int) -> str:
    seen = ask(port, "/", "HEAD")
    body = {b"": "no body", b"0\r\n\r\n": "the final chunk"}.get(seen.content, "the body")
    length = ", ".join(seen.all("content-length"))
    return f"{body}, length {length}" if length else f"{body}, no length"


def framing(port: int) -> str:
    return "a length" if ask(port, "/stream").all("content-length") else "until the end"


def short(port: int) -> str:
    """Seven of ten bytes: a client must be able to notice."""
    seen = ask(port, "/short")
    if seen.status >= 500 or not seen.status:
        return "an error"
    return "noticeable" if seen.all("content-length") == ["10"] else "looks whole"


def long(port: int) -> str:
    """Seven bytes where two were said."""
    seen = ask(port, "/long")
    if seen.status >= 500 or not seen.status:
        return "an error"
    return "cut" if seen.content == b"on" else "sent"


def late(port: int) -> str:
    seen = ask(port, "/late")
    return "yes" if seen.all("content-type") == ["text/plain"] and b"late" in seen.content else "no"


def latin(port: int) -> str:
    [value] = ask(port, "/latin").all("x-latin") or [""]
    return {"\xe9": "latin-1", "\xc3\xa9": "UTF-8"}.get(value, "lost")


def closes(port: int, place: Path) -> str:
    ask(port, "/stream")
    after_all = is_there(place / "closed-stream")
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            connection.recv(100)
        except OSError:
            return "after all" if after_all else "never"
    gone = is_there(place / "closed-endless")
    return {(True, True): "after all, and when the client leaves", (True, False): "after all"}.get(
        (after_all, gone), "when the client leaves" if gone else "never"
    )


def refreshes(port: int, place: Path) -> str:
    """Say when the cache's refresh in the background runs; it waits until it is told to go on."""
    ask(port, "/refreshed")
    stale = ask(port, "/refreshed")
    (place / "go").touch()
    if stale.content != b"1":
        return "holds the answer"
    # Nobody asks meanwhile.
    return "after the answer" if is_there(place / "refreshed") else "never"


def is_there(path: Path) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if path.exists():
            return True
        time.sleep(0.02)
    return False
