"""A tap: listens in a server's place, forwards everything, and records it."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

from examples.pictures.events import Log
from examples.pictures.stops import Wire


class Tap:
    """The traffic between a client and a server, per connection, both ways."""

    def __init__(self, log: Log, wire: Wire, behind: int, port: int = 0) -> None:
        self.log, self.wire, self.behind = log, wire, behind
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            near = self.listener.accept()[0]
            try:
                far = socket.create_connection(("127.0.0.1", self.behind))
            except OSError:  # The server has ended before its client.
                near.close()
                continue
            names = self.wire.client, self.wire.server
            for way in (near, far, *names), (far, near, *reversed(names)):
                threading.Thread(target=self.carry, args=way, daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket, *names: str) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                # Record before forwarding, so that consequences come later.
                if lines := self.lines_of(content, is_answer=names[0] == self.wire.server):
                    self.log.tell(*names, *lines)
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)

    def lines_of(self, content: bytes, *, is_answer: bool) -> list[str]:
        if not self.wire.commands:
            return list(lines(content))
        if is_answer:
            return []
        found = (re.match(self.wire.commands, command) for command in commands(content))
        return [
            " … ".join(filter(None, match.groups())) or match.string for match in found if match
        ]


def lines(content: bytes) -> Iterator[str]:
    """Return the lines of HTTP, with a mark for the empty one."""
    text = content.decode(errors="backslashreplace").replace("\r\n", "\n")
    for line in text.removesuffix("\n").split("\n"):
        yield line.replace("\r", "") or "⏎"


def commands(content: bytes) -> Iterator[str]:
    """Return the commands sent to Redis: arrays of length-prefixed words."""
    parts = content.split(b"\r\n")
    while parts and parts[0].startswith(b"*") and parts[0][1:].isdigit():
        end = 1 + 2 * int(parts[0][1:])
        yield b" ".join(parts[2:end:2]).decode(errors="backslashreplace")
        parts = parts[end:]
