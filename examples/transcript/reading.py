"""Compare received with expected output, line by line, and show the first difference."""

import socket
import time
from collections.abc import Sequence

from examples.transcript.difference import difference
from examples.transcript.names import NAME, group_of, pattern
from examples.transcript.notation import ends_of

# How long to wait for a line (a server may still be starting on a busy machine), and for silence
# at the end.
PATIENCE_SECONDS = 60.0
QUIET_SECONDS = 0.1


class DeviationError(Exception):
    """The output differs from the transcript; the message is the difference.

    `offset` counts the transcript's lines from the first compared one.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Reader:
    """Bytes from a connection, or given at once, consumed line by line."""

    def __init__(self, connection: socket.socket | None = None, received: bytes = b"") -> None:
        self.connection = connection
        self.received = received
        self.is_closed = connection is None

    def expect(self, lines: Sequence[str], values: dict[str, str]) -> bytes:
        """Match the lines and return their bytes; learn new values."""
        taken = b""
        for offset, (text, end) in enumerate(ends_of(lines)):
            wanted = pattern(text, end, values)
            literal = None if NAME.search(text) else (text + end).encode()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (match := wanted.match(self.received)):
                if self.is_hopeless(literal, end) or not self.receive(deadline):
                    self.deviate(lines, taken, values, offset)
            names = set(NAME.findall(text)) - set(values)
            found = {name: match.groupdict().get(group_of(name)) for name in names}
            values |= {name: value.decode() for name, value in found.items() if value}
            taken += match[0]
            self.received = self.received[match.end() :]
        return taken

    def is_hopeless(self, literal: bytes | None, end: str) -> bool:
        """Return whether no further input can make the line match."""
        if end and b"\n" in self.received:
            return True
        return literal is not None and not literal.startswith(self.received[: len(literal)])

    def receive(self, deadline: float) -> bool:
        """Wait for more input; return whether there was any."""
        left = deadline - time.monotonic()
        if self.connection is None or self.is_closed or left <= 0:
            return False
        self.connection.settimeout(left)
        try:
            more = self.connection.recv(65536)
        except TimeoutError:
            return False
        except ConnectionResetError:
            more = b""
        self.is_closed = not more
        self.received += more
        return bool(more)

    def expect_nothing(self, *, is_closed: bool) -> None:
        """Check that nothing is left, and that the connection is closed or open as expected."""
        deadline = time.monotonic() + (PATIENCE_SECONDS if is_closed else QUIET_SECONDS)
        while not self.received and self.receive(deadline):
            pass
        if self.received:
            self.deviate([], b"", {})
        if self.connection and self.is_closed != is_closed:
            state = "open, and should be closed" if is_closed else "closed, and should be open"
            raise DeviationError(f"the connection is {state}")

    def send(self, content: bytes) -> None:
        assert self.connection is not None
        self.connection.sendall(content)

    def close(self) -> None:
        if self.connection:
            self.connection.close()

    def deviate(
        self, lines: Sequence[str], taken: bytes, values: dict[str, str], offset: int = 0
    ) -> None:
        """Raise the difference between the lines and all input."""
        deadline = time.monotonic() + QUIET_SECONDS
        while self.receive(deadline):
            pass
        where = f"at: < {lines[offset]}" if lines else "there is more than the transcript says:"
        is_closed = self.connection is not None and self.is_closed
        shown = difference(lines, taken, self.received, values, is_closed=is_closed)
        raise DeviationError(f"{where}\n{shown}", offset)
