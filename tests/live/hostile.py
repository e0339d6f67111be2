"""What clients that do as they like share in the tests: raw frames, raw sessions, and counts."""

import base64
import json
import os
import re
import socket
import struct
from typing import Any, Self

from tests.live.server import ChatServer

SECONDS = 60
ENGINE = "/socket.io/?EIO=4&transport="
POLLING, WEBSOCKET = ENGINE + "polling", ENGINE + "websocket"

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(
    payload: str | bytes, opcode: int = TEXT, *, fin: bool = True, reserved: int = 0
) -> bytes:
    """Return one masked frame (RFC 6455 section 5.2); *reserved* are its reserved bits."""
    content = payload.encode() if isinstance(payload, str) else payload
    mask, length = os.urandom(4), len(content)
    # As two great numbers, which takes a hundredth of the time of a byte after another.
    pad = int.from_bytes((mask * (length // 4 + 1))[:length])
    masked = (int.from_bytes(content) ^ pad).to_bytes(length)
    first = opcode | (0x80 if fin else 0) | reserved << 4
    if length < 126:
        head = struct.pack("!BB", first, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + mask + masked


class Raw:
    """A WebSocket of which a test sends and sees every byte."""

    def __init__(self, chat: ChatServer, path: str, **fields: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", chat.port), timeout=SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Host": f"127.0.0.1:{chat.port}", "Upgrade": "websocket",
                   "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": key, **fields}  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.sock.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        self.head = self._until(b"\r\n\r\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.sock.close()

    def _until(self, end: bytes) -> bytes:
        received = b""
        while not received.endswith(end) and (byte := self.sock.recv(1)):
            received += byte
        return received

    def send(self, *texts: str) -> None:
        self.sock.sendall(b"".join(map(frame, texts)))

    def receive(self) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next frame; 0: the connection has ended."""
        head = self._exactly(2)
        if len(head) < 2:
            return 0, b""
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack("!H", self._exactly(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self._exactly(8))[0]
        return head[0] & 0x0F, self._exactly(length)

    def text(self, start: str) -> str:
        """Return the next text that starts so; fail where the connection ends before."""
        while True:
            opcode, payload = self.receive()
            assert opcode != 0, f"ended before {start!r}"
            if opcode == TEXT and payload.decode().startswith(start):
                return payload.decode()

    def rest(self) -> bytes:
        """Return all that comes until the server ends the connection."""
        received = b""
        try:
            while more := self.sock.recv(65536):
                received += more
        except ConnectionResetError:
            pass
        return received

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            try:
                more = self.sock.recv(size - len(received))
            except ConnectionResetError:
                more = b""
            if not more:
                break
            received += more
        return received


def open_polling(chat: ChatServer) -> str:
    """Return the URL of a new session by polling."""
    answer = chat.call("GET", POLLING)
    assert answer.status_code == 200
    session = json.loads(answer.text[1:])["sid"]
    return f"{POLLING}&sid={session}"


def clients(chat: ChatServer, form: str) -> int:
    """Return how many subscriptions of a form the hub has, as /metrics tells."""
    found = re.search(
        rf'^ngw2f_streams\{{form="{form}"\}} (\S+)$',
        chat.call("GET", "/metrics").text,
        re.MULTILINE,
    )
    return int(float(found[1])) if found else 0


def log_since(chat: ChatServer, start: int) -> str:
    return chat.log.read_bytes()[start:].decode(errors="replace")


def posts(chat: ChatServer) -> list[Any]:
    answer: list[Any] = chat.call("GET", "/api/messages?limit=200").json()["messages"]
    return [message["source"] for message in answer]
