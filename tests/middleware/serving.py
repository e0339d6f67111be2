"""A strict server and small applications to try middleware between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.test import create_environ

from middleware._wsgi import ExcInfo, Headers, Write

HTML = "text/html; charset=utf-8"


class ProtocolError(AssertionError):
    """What came from below breaks PEP 3333."""


class BrokenError(Exception):
    """What an application raises here."""


class Exchange:
    """One request, run as a strict server does, one step at a time; what happened stays readable.

    `run` does all the steps. Unlike most servers it sends nothing ahead, closes in every case, and
    keeps each call of `start_response`.

    `raises`: when `start_response` raises what it gets as `exc_info`: PEP 3333 says, when the
        headers have been sent. Werkzeug's and Flask's test clients do so `always`, Granian `never`.
    """

    def __init__(
        self,
        environ: WSGIEnvironment | None = None,
        raises: Literal["when sent", "always", "never"] = "when sent",
    ) -> None:
        self.raises = raises
        self.environ = create_environ() if environ is None else environ
        self.starts: list[tuple[str, Headers]] = []
        self.errors: list[BaseException] = []
        self.chunks: list[bytes] = []
        self.headers_sent = False
        self.body: Iterable[bytes] = ()
        self._iterator: Iterator[bytes] | None = None

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None, /
    ) -> Write:
        check_start(status, headers)
        try:
            if exc_info is not None:
                assert exc_info[1] is not None
                self.errors.append(exc_info[1])
                if self.raises == "always" or (self.headers_sent and self.raises == "when sent"):
                    raise exc_info[1].with_traceback(exc_info[2])
            elif self.starts:
                raise ProtocolError("start_response called again without exc_info")
        finally:
            exc_info = None
        self.starts.append((status, list(headers)))
        return self.write

    def write(self, chunk: bytes) -> None:
        if type(chunk) is not bytes:
            raise ProtocolError(f"a chunk must be bytes, not {type(chunk).__name__}")
        if not self.starts:
            raise ProtocolError("a chunk came before start_response was called")
        self.chunks.append(chunk)
        # An empty chunk lets the headers wait ("The start_response() Callable").
        self.headers_sent = self.headers_sent or bool(chunk)

    def call(self, app: WSGIApplication) -> Exchange:
        self.body = app(self.environ, self.start_response)
        return self

    def step(self) -> bool:
        """Send the next chunk; say whether there was one."""
        if self._iterator is None:
            self._iterator = iter(self.body)
        for chunk in self._iterator:
            self.write(chunk)
            return True
        self.headers_sent = True
        if not self.starts:
            raise ProtocolError("the body ended and start_response was never called")
        return False

    def close(self) -> None:
        close = getattr(self.body, "close", None)
        if close is not None:
            close()

    def run(self, app: WSGIApplication, *, chunks: int | None = None) -> Exchange:
        """Call, send the whole body or only that many chunks, and close."""
        self.call(app)
        try:
            left = chunks
            while left != 0 and self.step():
                left = None if left is None else left - 1
        finally:
            self.close()
        return self

    @property
    def status(self) -> str:
        return self.starts[-1][0]

    @property
    def headers(self) -> Headers:
        return self.starts[-1][1]

    @property
    def content(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        """Return a header's value, several lines joined by a comma (RFC 9110 section 5.2)."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def header_names(self) -> list[str]:
        return sorted(name.lower() for name, _ in self.headers)


def check_start(status: str, headers: Headers) -> None:
    """Refuse what a server may refuse ("The start_response() Callable")."""
    if type(status) is not str or not status[:3].isdigit() or status[3:4] != " ":
        raise ProtocolError(f"not a status line: {status!r}")
    if type(headers) is not list:
        raise ProtocolError("headers must be a list")
    for item in headers:
        if type(item) is not tuple or [type(part) for part in item] != [str, str]:
            raise ProtocolError(f"not a header: {item!r}")
        if not set("\r\n\0").isdisjoint(item[0] + item[1]):
            raise ProtocolError(f"a header in more than one line: {item!r}")


def serve(app: WSGIApplication, path: str = "/", method: str = "GET", **options: Any) -> Exchange:
    """Run one request; the options are those of Werkzeug's `EnvironBuilder`."""
    return Exchange(create_environ(path, method=method, **options)).run(app)


def without_write(app: WSGIApplication) -> WSGIApplication:
    """Serve an application as Granian does, whose `start_response` gives nothing back."""

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> None:
            start_response(status, headers, exc_info)

        return app(environ, start)  # type: ignore[arg-type] # It is not as it should be.

    return served


class TrackedBody:
    """A body that counts what is done to it; its iterator is another object, as PEP 3333 allows."""

    def __init__(self, *chunks: bytes, error: BaseException | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.pulled = 0
        self.closes = 0
        self.iterator_closes = 0

    def __iter__(self) -> Iterator[bytes]:
        return TrackedIterator(self)

    def close(self) -> None:
        self.closes += 1


class TrackedIterator:
    def __init__(self, body: TrackedBody) -> None:
        self.body = body
        self.chunks = iter(body.chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self.chunks)
        except StopIteration:
            if self.body.error is not None:
                raise self.body.error from None
            raise
        self.body.pulled += 1
        return chunk

    def close(self) -> None:
        self.body.iterator_closes += 1


def answering(
    body: Iterable[bytes] = (b"hello",), status: str = "200 OK", headers: Headers | None = None
) -> WSGIApplication:
    """Make an application that gives the same answer to everything."""
    fields = [("Content-Type", HTML)] if headers is None else headers

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, fields)
        return body

    return app
