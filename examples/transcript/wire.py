"""A byte-counting connection for HTTP with chunks, and WebSocket frames."""

import socket


class Wire:
    """A connection that counts its bytes."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), 60)
        self.stream = self.connection.makefile("rb")
        self.requests = self.sent = self.received = 0

    def send(self, content: bytes) -> None:
        self.sent += len(content)
        self.connection.sendall(content)

    def ask(self, path: str, more: str = "") -> None:
        """Send a request, and read the answer's head."""
        self.requests += 1
        self.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        while self.line() != b"\r\n":
            pass

    def line(self) -> bytes:
        line = self.stream.readline()
        if not line:
            raise ConnectionError("the server has hung up")
        self.received += len(line)
        return line

    def chunk(self) -> bytes:
        """Read a chunk (RFC 9112 section 7.1): its length, itself, an empty line."""
        return self.read(int(self.line(), 16) + 2)[:-2]

    def frame(self) -> bytes:
        """Read a WebSocket frame of less than 64 KiB (RFC 6455 section 5.2)."""
        length = self.read(2)[1]
        return self.read(int.from_bytes(self.read(2), "big") if length == 126 else length)

    def close(self) -> None:
        self.stream.close()
        self.connection.close()

    def read(self, size: int) -> bytes:
        self.received += size
        return self.stream.read(size)
