"""gunicorn's request, plus rules of RFC 9112 that it lacks, and bounded bodies."""

import ipaddress
import math
import re
import time
from typing import Any

from gunicorn.http.body import Body
from gunicorn.http.body import ChunkedReader as GunicornChunkedReader
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine
from gunicorn.http.message import Request
from gunicorn.util import split_request_uri

from ngw2f.server.request_body import ChunkedReader, PacedUnreader

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Read up to this much of an unread body to keep the connection.
MAX_REST_BYTES = 64 * 1024
DRAIN_BYTES = 16 * 1024
HTTP_1_1 = (1, 1)

# RFC 9110 section 7.2, RFC 3986 section 3.2.2: no user, and only a possible port.
HOST_RE = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)"
    r"(?::(?P<port>[0-9]*))?"
)
MAX_HOST_LENGTH = 255 + len(":65535")
MAX_PORT = 65535


class OwnRequest(Request):  # type: ignore[misc] # gunicorn has no types
    """A request over HTTP/1.0 or HTTP/1.1.

    Raises what gunicorn's request raises. `should_close` is also true if more of the body is
    left than is worth reading (RFC 9112 section 9.3): no other request may follow then.
    """

    unreader: PacedUnreader
    version: tuple[int, int]
    headers: list[tuple[str, str]]
    path: str
    body: Any
    must_close: bool
    line_read_at: float
    _expected_100_continue: bool

    def _parse_fast(self, unreader: Any, buf: Any) -> Any:
        # The fast parser, if installed, would skip the checks below.
        return self._parse_python(unreader, buf)

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Parse the request line; treat HTTP/1.9 as HTTP/1.1 (RFC 9110 section 2.5).

        Refuse a fragment in the target (RFC 9112 section 3.2), which gunicorn would cut off.
        """
        # By the clock of X-ray, which shows it.
        self.line_read_at = time.perf_counter()
        super().parse_request_line(line_bytes)
        if "#" in self.uri:
            raise InvalidRequestLine("")
        self.version = min(self.version, HTTP_1_1)

    def set_body_reader(self) -> None:
        """Check Host, then bound the body, however it is framed."""
        super().set_body_reader()
        self._check_host()
        if isinstance(self.body.reader, GunicornChunkedReader):
            self.body = Body(ChunkedReader(self, self.unreader))
        self.unreader.begin_body()
        if self._expected_100_continue:
            # gunicorn would send it before the application asks for the body.
            self._expected_100_continue = False
            self.unreader.invite = self._invite

    def _invite(self) -> None:
        self.unreader.sock.sendall(CONTINUE)

    def _check_host(self) -> None:
        """Raise InvalidHeader without a valid Host (RFC 9112 section 3.2).

        If the target has an authority, that replaces Host (section 3.2.2).
        """
        hosts = [value for name, value in self.headers if name == "HOST"]
        if not is_host(hosts[0]) if hosts else self.version >= HTTP_1_1:
            raise InvalidHeader("HOST", req=self)
        if self.uri.startswith("/") or self.uri == "*" or self.method == "CONNECT":
            return
        parts = split_request_uri(self.uri)
        if parts.scheme.lower() not in ("http", "https") or not is_host(parts.netloc):
            raise InvalidRequestLine("")
        self.path = self.path or "/"
        fields = [(name, value) for name, value in self.headers if name != "HOST"]
        self.headers = [*fields, ("HOST", parts.netloc)]

    def rest(self) -> float:
        """Return how many bytes of the body are left; infinity if unknown."""
        length: float = self.body.reader.length
        # Without 100 Continue the client may send the body or not (RFC 9110 section 10.1.1).
        is_open = self.unreader.invite is not None and length > 0
        return math.inf if self.body.failed or is_open else length

    def should_close(self) -> bool:
        """Say whether no other request may follow; once true, it stays true."""
        if self.must_close or super().should_close() or self.rest() > MAX_REST_BYTES:
            self.force_close()
            # The final answer follows, so 100 Continue must not.
            self.unreader.invite = None
        return self.must_close

    def drain(self) -> None:
        """Read the rest of the body. Raises what reading raises."""
        while self.body.read(DRAIN_BYTES):
            pass


def is_host(value: str) -> bool:
    """Say whether *value* is a host, with or without a port."""
    found = HOST_RE.fullmatch(value)
    if found is None or len(value) > MAX_HOST_LENGTH or int(found["port"] or 0) > MAX_PORT:
        return False
    return found["ipv6"] is None or _is_ipv6(found["ipv6"])


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
