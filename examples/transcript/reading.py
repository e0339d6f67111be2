"""Compare what comes with what was written down, line by line, and show where they part."""

import socket
import time
from collections.abc import Sequence

from examples.transcript.difference import difference
from examples.transcript.names import NAME, group_of, pattern
from examples.transcript.notation import ends_of

# How long a line may take to come (a server may still be starting on a busy machine), and how
# long nothing more may come at the end.
PATIENCE_SECONDS = 60.0
QUIET_SECONDS = 0.1


class DeviationError(Exception):
    """What came is not what the transcript says; the message is the difference.

    `offset` says by how many lines of the transcript it is below the first that was compared.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Reader:
    """Bytes that arrive, from a connection or all at once, and that are taken line by line."""

    def __init__(self, connection: socket.socket | None = None, received: bytes = b"") -> None:
        self.connection = connection
        self.received = received
        self.is_closed = connection is None

    def expect(self, lines: Sequence[str], values: dict[str, str]) -> bytes:
        """Take the lines and give their bytes; learn the values that are seen first here."""
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
        """Return whether nothing that may still come can make the line the one that is wanted."""
        if end and b"\n" in self.received:
            return True
        return literal is not None and not literal.startswith(self.received[: len(literal)])

    def receive(self, deadline: float) -> bool:
        """Wait for more; say whether there was some."""
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
        """Check that nothing is left, and that the connection is closed, or is not."""
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
        """Raise the difference between the lines and all that has come."""
        deadline = time.monotonic() + QUIET_SECONDS
        while self.receive(deadline):
            pass
        where = f"at: < {lines[offset]}" if lines else "there is more than the transcript says:"
        is_closed = self.connection is not None and self.is_closed
        shown = difference(lines, taken, self.received, values, is_closed=is_closed)
        raise DeviationError(f"{where}\n{shown}", offset)
