"""gunicorn's request, with the rules of RFC 9112 that it leaves out, and bounded bodies."""

import ipaddress
import math
import re
from typing import Any

from gunicorn.http.body import Body
from gunicorn.http.body import ChunkedReader as GunicornChunkedReader
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine
from gunicorn.http.message import Request
from gunicorn.util import split_request_uri

from ngw2f.server.request_body import ChunkedReader, PacedUnreader

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# So much of a body that nobody read is read to keep the connection.
MAX_REST_BYTES = 64 * 1024
DRAIN_BYTES = 16 * 1024
HTTP_1_1 = (1, 1)

# RFC 9110 section 7.2, RFC 3986 section 3.2.2: no user, and no port that cannot be.
HOST_RE = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)"
    r"(?::(?P<port>[0-9]*))?"
)
MAX_HOST_LENGTH = 255 + len(":65535")
MAX_PORT = 65535


class OwnRequest(Request):  # type: ignore[misc] # gunicorn has no types
    """A request over HTTP/1.0 or HTTP/1.1.

    Raises what gunicorn's does. `should_close` says yes, too, where more of the body is left
    than is worth reading (RFC 9112 section 9.3): only then may another request follow.
    """

    unreader: PacedUnreader
    version: tuple[int, int]
    headers: list[tuple[str, str]]
    path: str
    body: Any
    must_close: bool
    _expected_100_continue: bool

    def _parse_fast(self, unreader: Any, buf: Any) -> Any:
        # The other parser, where it is installed, asks nothing of what is below.
        return self._parse_python(unreader, buf)

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Take the request line: HTTP/1.9 is answered as HTTP/1.1 (RFC 9110 section 2.5).

        A target has no fragment (RFC 9112 section 3.2), which gunicorn would cut off.
        """
        super().parse_request_line(line_bytes)
        if "#" in self.uri:
            raise InvalidRequestLine("")
        self.version = min(self.version, HTTP_1_1)

    def set_body_reader(self) -> None:
        """Check Host; then find out what frames the body, and bound it."""
        super().set_body_reader()
        self._check_host()
        if isinstance(self.body.reader, GunicornChunkedReader):
            self.body = Body(ChunkedReader(self, self.unreader))
        self.unreader.begin_body()
        if self._expected_100_continue:
            # gunicorn would say so before anybody knows whether the body is wanted.
            self._expected_100_continue = False
            self.unreader.invite = self._invite

    def _invite(self) -> None:
        self.unreader.sock.sendall(CONTINUE)

    def _check_host(self) -> None:
        """Raise InvalidHeader without a valid Host (RFC 9112 section 3.2).

        The target's authority, where it has one, takes its place (section 3.2.2).
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
        """Return how many bytes of the body are left; infinity where nobody knows."""
        length: float = self.body.reader.length
        # Who was not told to go on may send the body, or not (RFC 9110 section 10.1.1).
        is_open = self.unreader.invite is not None and length > 0
        return math.inf if self.body.failed or is_open else length

    def should_close(self) -> bool:
        """Say whether no other request may follow; from the first yes on it is yes."""
        if self.must_close or super().should_close() or self.rest() > MAX_REST_BYTES:
            self.force_close()
            # The answer goes out: there is nothing to go on with.
            self.unreader.invite = None
        return self.must_close

    def drain(self) -> None:
        """Read what nobody read. Raises what reading raises."""
        while self.body.read(DRAIN_BYTES):
            pass


def is_host(value: str) -> bool:
    """Say whether this is a host, with a port or without."""
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
