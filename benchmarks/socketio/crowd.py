"""Many Socket.IO clients in one process: they connect, answer pings, and count the events."""

import base64
import os
import re
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Protocol

PATH = "/socket.io/?EIO=4&transport={}"
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"
SEPARATOR = b"\x1e"
OPENED, PING, PONG, CONNECT, CONNECTED, EVENT = b"0", b"2", b"3", b"40", b"40", b"42"
# So many clients connect at a time.
AT_ONCE = 50
CONNECT_SECONDS = 120
READ_BYTES = 65_536


class Client(Protocol):
    """A connection and what it is about."""

    events: int
    is_connected: bool
    sock: socket.socket

    def take(self, data: bytes) -> None:
        """Take what has arrived, and answer it."""


class Polling:
    """A client with one connection, on which it polls without a pause."""

    def __init__(self, port: int) -> None:
        self.sock = _connect(port)
        self.events = 0
        self.is_connected = False
        self._path = PATH.format("polling")
        self._received = b""
        # What is to be posted before the next poll.
        self._answer = b""
        self._send("GET")

    def take(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(HEAD_END)
        body = _body_of(head, rest) if found else None
        if body is None:
            return
        assert b" 200 " in head, (head, body)
        self._received = b""
        for packet in body.split(SEPARATOR):
            self._receive(packet)
        if self._answer:
            self._send("POST", self._answer)
            self._answer = b""
        else:
            self._send("GET")

    def _receive(self, packet: bytes) -> None:
        if packet.startswith(OPENED):
            self._path += "&sid=" + re.findall(r'"sid":"([^"]+)"', packet.decode())[0]
            self._answer = CONNECT
        elif packet == PING:
            self._answer = PONG
        elif packet.startswith(CONNECTED):
            self.is_connected = True
        elif packet.startswith(EVENT):
            self.events += 1

    def _send(self, method: str, body: bytes = b"") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {self._path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n"
        self.sock.sendall(head.encode() + body)


class WebSocket:
    """A client that begins with a WebSocket."""

    def __init__(self, port: int) -> None:
        self.sock = _connect(port)
        self.events = 0
        self.is_connected = False
        self._is_open = False
        self._received = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            f"GET {PATH.format('websocket')} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def take(self, data: bytes) -> None:
        self._received += data
        if not self._is_open:
            head, found, rest = self._received.partition(HEAD_END)
            if not found:
                return
            assert b" 101 " in head, head
            self._is_open, self._received = True, rest
        while (packet := self._next()) is not None:
            self._receive(packet)

    def _receive(self, packet: bytes) -> None:
        if packet.startswith(OPENED):
            self._send(CONNECT)
        elif packet == PING:
            self._send(PONG)
        elif packet.startswith(CONNECTED):
            self.is_connected = True
        elif packet.startswith(EVENT):
            self.events += 1

    def _next(self) -> bytes | None:
        """Return the payload of the next frame, if all of it has arrived (RFC 6455 section 5.2)."""
        data = self._received
        if len(data) < 4:
            return None
        length, start = data[1], 2
        if length == 126:
            length, start = struct.unpack(">H", data[2:4])[0], 4
        if len(data) < start + length:
            return None
        self._received = data[start + length :]
        return data[start : start + length]

    def _send(self, payload: bytes) -> None:
        # Masked with zeros, which is allowed and costs us nothing.
        self.sock.sendall(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


KINDS: dict[str, type[Polling] | type[WebSocket]] = {"polling": Polling, "websocket": WebSocket}


class Crowd:
    """Clients of one kind, divided among the ports: each stays with its own."""

    def __init__(self, kind: str, ports: Sequence[int], count: int) -> None:
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        for number in range(count):
            client = KINDS[kind](ports[number % len(ports)])
            self._clients[client.sock.fileno()] = client
            self._poll.register(client.sock.fileno(), select.EPOLLIN)
            if number % AT_ONCE == 0:
                self._wait_until_connected()
        self._wait_until_connected()

    @property
    def events(self) -> int:
        return sum(client.events for client in self._clients.values())

    def read(self, seconds: float) -> None:
        for number, _ in self._poll.poll(seconds):
            data = self._clients[number].sock.recv(READ_BYTES)
            if not data:
                raise ConnectionError("a server has closed a connection")
            self._clients[number].take(data)

    def close(self) -> None:
        self._poll.close()
        for client in self._clients.values():
            client.sock.close()

    def _wait_until_connected(self) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while not all(client.is_connected for client in self._clients.values()):
            assert time.monotonic() < deadline, "not all clients connect"
            self.read(1)


def _body_of(head: bytes, rest: bytes) -> bytes | None:
    """Return the body of an answer if all of it has arrived, by length or in chunks (RFC 9112)."""
    length = LENGTH.search(head)
    if length is not None:
        return rest if len(rest) >= int(length[1]) else None
    if not rest.endswith(LAST_CHUNK):
        return None
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
