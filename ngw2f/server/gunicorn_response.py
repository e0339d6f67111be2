"""gunicorn's response, with four changes that take nothing from what a client reads.

- **Date is the application's.** gunicorn counts Date among the hop-by-hop fields, drops
  the application's and writes its own. From a cache that is wrong: Date says when the
  response was generated (RFC 9110 section 6.6.1), and a later cache would count the
  lifetime of an Expires-only response from the new Date, and subtract Age as well.
- **The head goes out with the first bytes of the body**, in one system call and usually
  one packet, instead of two.
- **A header line is checked once.** Most lines are the same in most responses, so gunicorn's
  regular expressions need not check them each time.
- **Long bytes are not copied.** Many clients may get the same bytes object, and a client that
  does not read would hold a copy of its own.
"""

import re
from functools import lru_cache
from socket import socket
from typing import Any, NamedTuple, TypeAlias

from gunicorn import util
from gunicorn.http import wsgi

from ngw2f.server.chunk_writer import ChunkWriter

Base: Any = wsgi.Response
Line: TypeAlias = tuple[str, str]

# Up to this many bytes are copied, to be sent in one call.
MAX_COPIED_BYTES = 64 * 1024
# How many lines to remember, except those that differ each time.
REMEMBERED_LINES = 2_048
ALWAYS_NEW = frozenset({"X-Request-ID", "Set-Cookie", "Location", "RateLimit", "Server-Timing"})
# With blanks between the others.
VISIBLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def use_own_response() -> None:
    """Replace gunicorn's response class; call it in `post_worker_init`. Twice does no harm."""
    wsgi.Response = OwnResponse


class CheckedLine(NamedTuple):
    """How gunicorn processes one header line, and what it would send for it."""

    headers: tuple[Line, ...]
    response_length: int | None
    upgrade: bool
    # What a Date says, which gunicorn drops.
    date: str | None
    # Whether the line is sent unchanged and means nothing to the server.
    is_plain: bool


@lru_cache(REMEMBERED_LINES)
def check_line(name: str, value: str) -> CheckedLine:
    """Return how gunicorn processes this line. Raises what gunicorn raises."""
    # Header fields are processed without a look at request, socket or configuration.
    response = Base(req=None, sock=None, cfg=None)
    response.process_headers([(name, value)])
    headers, length = tuple(response.headers), response.response_length
    return CheckedLine(
        headers,
        length,
        response.upgrade,
        date=value.strip(" \t") if name.lower() == "date" else None,
        is_plain=headers == ((name, value),) and length is None and not response.upgrade,
    )


class PlainLines(dict[Line, str]):
    """Lines that need no further check, in the form in which they are sent."""

    def remember(self, line: Line) -> None:
        """Add a line that has been checked."""
        if len(self) >= REMEMBERED_LINES:
            self.clear()
        self[line] = f"{line[0]}: {line[1]}\r\n"


class OwnResponse(wsgi.Response):  # type: ignore[misc] # gunicorn ships no types.
    headers: list[Line]
    headers_sent: bool
    # Shared by all responses of the process: a cache of gunicorn's answers.
    _plain = PlainLines()
    _application_date: str | None = None
    _is_writing = False
    _head = b""
    _writer: ChunkWriter | None = None
    # How much of what the writer has written is counted as sent.
    _counted = 0

    def process_headers(self, headers: list[Line]) -> None:
        """Take the header fields as gunicorn does, and keep the application's Date."""
        self._application_date = None
        plain, take = self._plain, self.headers.append
        for line in headers:
            if line in plain:
                take(line)
            else:
                self._process(line)

    def _process(self, line: Line) -> None:
        name, value = line
        if type(name) is not str or type(value) is not str:
            super().process_headers([line])
        elif name in ALWAYS_NEW:
            if VISIBLE.fullmatch(value):
                self.headers.append(line)  # Such a value is always valid.
            else:
                super().process_headers([line])
        else:
            self._take(line, check_line(name, value))

    def _take(self, line: Line, checked: CheckedLine) -> None:
        self.headers += checked.headers
        if checked.is_plain:
            self._plain.remember(line)
        elif checked.response_length is not None:
            self.response_length = checked.response_length
        elif checked.date is not None:
            self._application_date = checked.date
        elif checked.upgrade:
            self.upgrade = True

    def default_headers(self) -> list[str]:
        """Return the server's own lines, with the application's Date if it has one."""
        if self._application_date is None:
            lines: list[str] = super().default_headers()
            return lines
        kept = "close" if self.should_close() else "keep-alive"
        head = (
            f"HTTP/{self.req.version[0]}.{self.req.version[1]} {self.status}\r\n"
            f"Server: {self.version}\r\n"
            f"Date: {self._application_date}\r\n"
            f"Connection: {'upgrade' if self.upgrade else kept}\r\n"
        )
        lines = [head]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
        return lines

    def write(self, chunk: bytes) -> None:
        """Send a chunk, the first one together with the head."""
        if self.headers_sent:
            self._send_rest()
            if self.chunked and type(chunk) is bytes and chunk:
                # The short path, for each event to each client of a stream.
                self.sent += len(chunk)
                _send_chunk(self.sock, b"", chunk)
            else:
                super().write(chunk)
            return
        self._is_writing = True
        try:
            super().write(chunk)
        finally:
            self._is_writing = False
            self._flush()
        if self.chunked:
            self._writer = getattr(self.sock, "open_writer", _no_writer)(chunk)

    def close(self) -> None:
        self._send_rest()
        if self._writer is not None:
            self._writer = self.sock.writer = None
        super().close()

    def _send_rest(self) -> None:
        """Send what a body that wrote past this response could not, and count what it wrote."""
        writer = self._writer
        if writer is None:
            return
        self.sent += writer.size - self._counted
        self._counted = writer.size
        if writer.rest is not None:
            rest, writer.rest = writer.rest, None
            self.sock.sendall(rest)

    def send_headers(self) -> None:
        """Send the head, or hold it for the first bytes of the body."""
        if self.headers_sent:
            return
        plain = self._plain
        lines = self.default_headers()
        lines += [plain.get(line) or f"{line[0]}: {line[1]}\r\n" for line in self.headers]
        lines.append("\r\n")
        self._head = "".join(lines).encode("latin-1")
        self.headers_sent = True
        if not self._is_writing:
            self._flush()

    def _emit_body(self, data: bytes) -> None:
        if not self._head:
            super()._emit_body(data)
            return
        head, self._head = self._head, b""
        if self.chunked:
            _send_chunk(self.sock, head, data)
        elif len(data) <= MAX_COPIED_BYTES:
            _send(self.sock, head + data)
        else:
            _send(self.sock, head)
            getattr(self.sock, "send_long", self.sock.sendall)(data)

    def _flush(self) -> None:
        """Send a head that is still held."""
        if self._head:
            head, self._head = self._head, b""
            util.write(self.sock, head)


def _no_writer(_first: bytes) -> None:
    return None


def _send_chunk(sock: socket, head: bytes, chunk: bytes) -> None:
    """Send a head, which may be empty, and one chunk (RFC 9112 section 7.1)."""
    size = len(chunk)
    if size <= MAX_COPIED_BYTES:
        _send(sock, b"%b%X\r\n%b\r\n" % (head, size, chunk))
        return
    _send(sock, b"%b%X\r\n" % (head, size))
    _send(sock, chunk)
    _send(sock, b"\r\n")


def _send(sock: socket, data: bytes) -> None:
    """Send all of it, nearly always in one call, with less overhead than `sendall`."""
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])
