"""HTTP connections to given addresses, limited by a deadline and a number of bytes.

They are urllib3's, used without its pools: a pool would resolve the name again, retry, and keep the
connection. This module replaces only how the socket is made (`_new_conn`, which urllib3's own
SOCKS support replaces too) and how it is read. Host, SNI and the certificate's name remain those
of the URL. The environment's proxies and `.netrc` are ignored.
"""

import http.client
import io
import re
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from urllib3.connection import HTTPConnection, HTTPSConnection

from ngw2f.links.guard.deadline import Deadline
from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.target import Target

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Wire:
    """The remaining time and received bytes of one connection.

    The bytes include headers, framing and body, so that endless 1xx responses, chunk extensions
    or trailers hit the limit as an endless body does. http.client's own limits allow 6.5 MB of
    headers in one response.
    """

    def __init__(self, deadline: Deadline, max_bytes: int) -> None:
        self.deadline = deadline
        self.bytes_left = max_bytes


class MeteredReader(io.RawIOBase):
    """A socket read within a `Wire`'s limits; raises `LinkFailed` when one is reached.

    A socket's timeout applies to each call, so a byte a second would never hit it. Each call
    therefore gets the remaining time. Within a call CPython enforces it, even across TLS records.
    """

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, wire: Wire) -> None:
        self._sock = sock
        self._raw = raw
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        if self._wire.bytes_left <= 0:
            raise LinkFailed("size", "the site sent too many bytes")
        self._sock.settimeout(self._wire.deadline.remaining())
        count = self._raw.readinto(memoryview(buffer)[: self._wire.bytes_left])
        self._wire.bytes_left -= count or 0
        return count

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


# The fields that we or the parser use. The parser fails at 100 fields, and sites that preload
# each script, or set cookies in a loop, send more.
_READ = frozenset(
    {b"age", b"cache-control", b"connection", b"content-encoding", b"content-length"}
    | {b"content-type", b"date", b"expires", b"location", b"transfer-encoding"}
    | {b"x-content-type-options"}
)
# A field line: a name without blanks, which may wrongly stand before the colon (RFC 9112 section
# 5.1), and the rest.
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+(:.*)", re.DOTALL)
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}+[ \t]*+(?:[;\r\n]|\Z)")
_LENGTH = re.compile("[0-9]{1,18}")


class HeadReader(io.BufferedReader):
    """A reader that skips malformed and unused field lines in a head.

    Python's parser takes a malformed line for the end of the head, and the rest for the body: one
    site's typo hid its Content-Type, its lengths, and its redirect.
    """

    is_in_head = False
    _is_kept = False

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if not self.is_in_head:
            return line
        while content := line.rstrip(b"\r\n"):
            if content[:1] not in b" \t":  # Otherwise it continues the previous line.
                match = _FIELD_LINE.fullmatch(content)
                self._is_kept = match is not None and match.group(1).lower() in _READ
                content = b"".join(match.groups()) if match else b""
            if self._is_kept:
                # A bare CR is a blank (RFC 9112 section 2.2); the parser would end the line there.
                return content.replace(b"\r", b" ") + b"\r\n"
            line = super().readline(size)
        self.is_in_head = self._is_kept = False
        return b"\r\n" if line else b""


class FinalResponse(http.client.HTTPResponse):
    """The final response, after any interim ones (RFC 9110 section 15.2).

    http.client skips only 100, and takes a 103 for the final response.
    """

    fp: HeadReader

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc] # Not typed.
            self.fp.is_in_head = True
            if not http.client.SWITCHING_PROTOCOLS < found[1] < http.client.OK:
                return found
            http.client.parse_headers(self.fp)

    def begin(self) -> None:
        super().begin()
        # HTTP/1.0 has no chunks, but servers that announce them may send them (RFC 9112, 6.1).
        is_old = self.version < 11 and "Transfer-Encoding" in self.headers
        if is_old and not _CHUNK_SIZE.match(self.fp.peek(1)):
            del self.headers["Transfer-Encoding"]
            self.chunked = False
            length = self.headers.get("Content-Length", "")
            self.length = int(length) if _LENGTH.fullmatch(length) else None


class GuardedConnection(HTTPConnection):
    """A plain connection over the socket from `dial`, whatever the host's name resolves to."""

    _wire: Wire
    _dial: Callable[[], socket.socket]

    def guard(self, wire: Wire, dial: Callable[[], socket.socket]) -> None:
        """Set the limits and the dial function; call it before anything else."""
        self._wire = wire
        self._dial = dial
        # `getresponse` of http.client calls the attribute like a class.
        self.response_class = cast("type[http.client.HTTPResponse]", self._make_response)

    def _new_conn(self) -> socket.socket:
        sock = self._dial()
        sock.settimeout(self._wire.deadline.remaining())  # For the TLS handshake, as a whole.
        return sock

    def connect(self) -> None:
        super().connect()
        # For the request, as a whole: urllib3 gives it to the socket before it sends.
        self.timeout = self._wire.deadline.remaining()

    def _make_response(self, sock: socket.socket, method: str) -> http.client.HTTPResponse:
        response = FinalResponse(sock, method=method)
        raw = response.fp.detach()
        response.fp = HeadReader(MeteredReader(sock, raw, self._wire))
        return response


class GuardedTLSConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS, with the certificate checked against the URL's host."""


def connection_to(
    target: Target, wire: Wire, dial: Callable[[], socket.socket], tls: ssl.SSLContext
) -> GuardedConnection:
    """Return an unconnected connection for a target."""
    connection: GuardedConnection
    if target.scheme == "https":
        connection = GuardedTLSConnection(target.host, target.port, ssl_context=tls)
    else:
        connection = GuardedConnection(target.host, target.port)
    connection.guard(wire, dial)
    return connection
