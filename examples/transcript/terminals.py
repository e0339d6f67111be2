"""The terminals of a transcript, each with one connection at a time."""

import socket
from collections.abc import Sequence

from examples.transcript.ports import Ports
from examples.transcript.reading import Reader

CONNECT_SECONDS = 10.0


class Terminals:
    """The connections by terminal name, and the current terminal."""

    def __init__(self, ports: Ports) -> None:
        self.name = ""
        self.ports = ports
        self.connections: dict[str, Reader] = {}

    @property
    def connection(self) -> Reader:
        """The current terminal's connection. Raises `ValueError` if there is none."""
        if self.name not in self.connections:
            raise ValueError("nothing is connected here: `$ telnet HOST PORT` comes before it")
        return self.connections[self.name]

    def connect(self, command: str) -> None:
        """Do what `telnet HOST PORT` does. Raises `OSError`; `ValueError` for other words."""
        words = self.ports.in_command(command).split()
        if len(words) != 3 or not words[2].isdecimal():
            raise ValueError(f"it is `telnet HOST PORT`, not `{' '.join(words)}`")
        if self.name in self.connections:
            self.leave(is_closed=False)
        connection = socket.create_connection((words[1], int(words[2])), CONNECT_SECONDS)
        self.connections[self.name] = Reader(connection)

    def expect(self, lines: Sequence[str], values: dict[str, str]) -> bytes:
        """Match the lines with this terminal's output; return it, with the transcript's ports."""
        free = [self.ports.in_seen(line) for line in lines]
        return self.ports.as_written(self.connection.expect(free, values))

    def leave(self, *, is_closed: bool) -> None:
        """Close this terminal's connection, of which nothing may be unread."""
        self.connection.expect_nothing(is_closed=is_closed)
        self.quit()

    def quit(self) -> None:
        """Close this terminal's connection, even with unread output."""
        self.connection.close()
        del self.connections[self.name]

    def expect_nothing(self) -> None:
        """Check that all connections are open, with nothing unread."""
        for connection in self.connections.values():
            connection.expect_nothing(is_closed=False)

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
