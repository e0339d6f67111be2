"""gunicorn's response, with three changes; nothing of what a client reads is lost by them.

- **Date is the application's.** gunicorn counts Date among the hop-by-hop fields, drops
  the application's and writes its own. From a cache that is wrong: Date says when the
  response was made (RFC 9110 section 6.6.1), and a cache after ours would count the
  lifetime of an Expires-only response from the new Date, and subtract Age on top.
- **The head goes out with the first bytes of the body**, in one system call and usually
  one packet, instead of two.
- **A header line is checked once.** Most lines of most responses are the same; gunicorn's
  regular expressions need not see them every time.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from gunicorn import util
from gunicorn.http import wsgi

Base: Any = wsgi.Response

# So many different lines are remembered; what differs each time is not worth it.
REMEMBERED_LINES = 2_048
ALWAYS_NEW = frozenset({"X-Request-ID", "Set-Cookie", "Age"})


def use_own_response() -> None:
    """Have gunicorn make these; call it in a worker's `post_worker_init`. Twice does no harm."""
    wsgi.Response = OwnResponse


class CheckedLine(NamedTuple):
    """What gunicorn makes of one header line."""

    headers: tuple[tuple[str, str], ...]
    response_length: int | None
    upgrade: bool


@lru_cache(REMEMBERED_LINES)
def check_line(name: str, value: str) -> CheckedLine:
    """Return what gunicorn makes of this line; raises what it raises."""
    response = Base.__new__(Base)
    response.headers, response.response_length, response.upgrade = [], None, False
    Base.process_headers(response, [(name, value)])
    return CheckedLine(tuple(response.headers), response.response_length, response.upgrade)


class OwnResponse(wsgi.Response):  # type: ignore[misc] # gunicorn ships no types.
    headers_sent: bool
    _application_date: str | None = None
    _is_writing = False
    _head = b""

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Take the header fields, as gunicorn does, and Date as well."""
        self._application_date = None
        for name, value in headers:
            if name in ALWAYS_NEW or type(name) is not str or type(value) is not str:
                super().process_headers([(name, value)])
                continue
            line = check_line(name, value)
            self.headers.extend(line.headers)
            if line.response_length is not None:
                self.response_length = line.response_length
            if line.upgrade:
                self.upgrade = True
            if not line.headers and name.lower() == "date":
                self._application_date = value.strip(" \t")

    def default_headers(self) -> list[str]:
        """Return the lines that the server adds, with Date as the application has it."""
        lines: list[str] = super().default_headers()
        if self._application_date is None:
            return lines
        date = f"Date: {self._application_date}\r\n"
        return [date if line.startswith("Date:") else line for line in lines]

    def write(self, chunk: bytes) -> None:
        """Send a chunk, the first one together with the head."""
        if self.headers_sent:
            super().write(chunk)
            return
        self._is_writing = True
        try:
            super().write(chunk)
        finally:
            self._is_writing = False
            self._flush()

    def send_headers(self) -> None:
        """Send the head, or keep it for the bytes that are about to come."""
        if self.headers_sent or not self._is_writing:
            super().send_headers()
            return
        lines = self.default_headers()
        lines.extend([f"{name}: {value}\r\n" for name, value in self.headers])
        lines.append("\r\n")
        self._head = "".join(lines).encode("latin-1")
        self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        if not self._head:
            super()._emit_body(data)
            return
        head, self._head = self._head, b""
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        util.write(self.sock, head + data)

    def _flush(self) -> None:
        """Send a head that no bytes came after."""
        if self._head:
            head, self._head = self._head, b""
            util.write(self.sock, head)
