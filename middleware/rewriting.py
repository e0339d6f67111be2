"""Rewrite response bodies as they pass, chunk by chunk."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._fields import first_value_of, value_of, with_vary, without
from middleware._options import function_of, names_of
from middleware._wsgi import ExcInfo, Headers, WrappedBody, Write
from middleware.headers import TOKEN

# Fields that describe the original content: its length and digests (RFC 9110 section 8.6, RFC
# 9530), and the offer of ranges, which would be ranges of the original (14.3).
FIELDS_OF_THE_OLD_CONTENT = (
    "content-length",
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "accept-ranges",
)
MEDIA_TYPE = re.compile(rf"{TOKEN.pattern}/{TOKEN.pattern}")


class Transformer(Protocol):
    """Rewrites the body of one response."""

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk, and return the bytes that can be sent now; empty if all are held back."""

    def finish(self) -> bytes:
        """Return the bytes that are still held back."""


MakeTransformer: TypeAlias = Callable[[WSGIEnvironment, str, Headers], Transformer | None]


class RewritingMiddleware:
    """Pass the bodies of chosen content types through a transformer.

    Request: passes unchanged. Response, if there is a transformer: the body is rewritten, and the
    headers follow: `Content-Length`, digests and `Accept-Ranges` are removed, a strong `ETag`
    becomes weak.

    `make(environ, status, headers)`: returns a transformer for a response, or None to let it pass.
        It may only look at the request headers named in `vary`.
    `content_types`: the types for which `make` is called; HTML unless given.
    `vary`: the request headers that `make` looks at, such as `Cookie`; they are added to `Vary`,
        even if it returns None.

    Reads and writes nothing in environ; `make` gets environ as it is when the response starts: the
    application may have moved the path in it.

    Place: inside cache and security headers; outside whatever makes the pages, and inside whatever
    compresses them.

    Rules: RFC 9110 sections 8.6 (length), 8.8.3 (ETag), 12.5.5 (`Vary`), 7.7 and RFC 9111 section
    5.2.2.6 (`no-transform`); RFC 9111 section 4.3.4 (a 304 has to carry the ETag that the 200 had);
    PEP 3333, "Middleware Handling of Block Boundaries". HEAD gets the headers of GET (RFC 9110
    section 9.3.2).

    It does not touch 1xx, 204, 205 and 206, encoded bodies, and responses with `no-transform`. It
    does not change `Accept-Encoding` to get a plain body, and does not decode bodies: a
    transformer gets bytes.
    """

    def __init__(
        self,
        app: WSGIApplication,
        make: MakeTransformer,
        *,
        content_types: Collection[str] = ("text/html",),
        vary: Iterable[str] = (),
    ) -> None:
        self.app = app
        self.make = function_of("make", make)
        content_types = names_of("content_types", content_types)
        for name in content_types:
            if not MEDIA_TYPE.fullmatch(name):
                raise ValueError(f"content_types: {name!r} is not a media type, as in 'text/html'")
        self.content_types = frozenset(name.lower() for name in content_types)
        self.vary = names_of("vary", vary)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = RewrittenResponse(self, environ, environ["REQUEST_METHOD"], start_response)
        body = self.app(environ, response.start)
        if response.transformer is None and type(body) is list:
            return body  # A list cannot call start_response again.
        return RewrittenBody(body, response)


class RewrittenResponse:
    """One response, and its transformer, once that is decided."""

    def __init__(
        self,
        middleware: RewritingMiddleware,
        environ: WSGIEnvironment,
        method: str,
        start_response: StartResponse,
    ) -> None:
        self.middleware = middleware
        self.environ = environ
        self.method = method
        self.start_response = start_response
        self.transformer: Transformer | None = None

    def start(self, status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
        """Stand in for the server's `start_response`; decide anew at each call."""
        try:
            transformer, headers = self.decide(status, headers)
            write = self.start_response(status, headers, exc_info)
        finally:
            exc_info = None
        # Only now: if the headers are sent already, the server raises, and nothing changes.
        self.transformer = transformer
        if transformer is None or write is None:
            return write
        feed = transformer.feed
        return lambda chunk: write(feed(chunk))

    def decide(self, status: str, headers: Headers) -> tuple[Transformer | None, Headers]:
        """Choose the transformer of a response, and the headers that go with it."""
        if status[:3] == "304":
            return None, weakened(self.varied(headers))
        if not self.may_be_rewritten(status, headers):
            return None, headers
        headers = self.varied(headers)
        transformer = self.middleware.make(self.environ, status, headers)
        if transformer is None:
            return None, headers
        headers = weakened(without(headers, FIELDS_OF_THE_OLD_CONTENT))
        return (None if self.method == "HEAD" else transformer), headers

    def may_be_rewritten(self, status: str, headers: Headers) -> bool:
        if status[0] == "1" or status[:3] in {"204", "205", "206"}:
            return False
        content_type = first_value_of(headers, "content-type") or ""
        if content_type.partition(";")[0].strip().lower() not in self.middleware.content_types:
            return False
        if (value_of(headers, "content-encoding") or "identity").lower() != "identity":
            return False
        return not any(
            name.lower() == "cache-control" and "no-transform" in value.lower()
            for name, value in headers
        )

    def varied(self, headers: Headers) -> Headers:
        for field in self.middleware.vary:
            headers = with_vary(headers, field)
        return headers

    def feed(self, chunk: bytes) -> bytes:
        return chunk if self.transformer is None else self.transformer.feed(chunk)

    def finish(self) -> bytes:
        """Return the bytes that the transformer still holds; none the second time."""
        transformer, self.transformer = self.transformer, None
        return b"" if transformer is None else transformer.finish()


class RewrittenBody(WrappedBody):
    """A body that passes through a transformer: a chunk for each chunk, and perhaps one more."""

    __slots__ = ("_response",)

    def __init__(self, body: Iterable[bytes], response: RewrittenResponse) -> None:
        super().__init__(body)
        self._response = response

    def __next__(self) -> bytes:
        try:
            chunk = self.next_chunk()
        except StopIteration:
            rest = self._response.finish()
            if not rest:
                raise
            return rest
        return self._response.feed(chunk)


def weakened(headers: Headers) -> Headers:
    """Copy the list with a weak ETag: the same page, but not the same bytes."""
    return [
        (name, f"W/{value}" if name.lower() == "etag" and value.startswith('"') else value)
        for name, value in headers
    ]


class InsertBefore:
    """Insert bytes before the first occurrence of a marker, in upper or lower case.

    `marker`: such as `</body>`; ASCII.
    `insertion`: the bytes to insert.
    `or_at_end`: whether they go to the end of a body without the marker.

    Of each chunk, only an end that may be the beginning of the marker is held back.
    """

    def __init__(self, marker: bytes, insertion: bytes, *, or_at_end: bool = False) -> None:
        if not marker or not marker.isascii():
            raise ValueError(f"not a marker: {marker!r}")
        self.marker = marker.lower()
        self.insertion = insertion
        self.or_at_end = or_at_end
        self.held = b""
        self.is_done = False

    def feed(self, chunk: bytes) -> bytes:
        if self.is_done:
            return chunk
        chunk = self.held + chunk
        lowered = chunk.lower()
        place = lowered.find(self.marker)
        if place >= 0:
            self.is_done, self.held = True, b""
            return chunk[:place] + self.insertion + chunk[place:]
        kept = len(chunk) - self.length_of_beginning(lowered)
        self.held = chunk[kept:]
        return chunk[:kept]

    def length_of_beginning(self, chunk: bytes) -> int:
        """Return how many bytes at the end of a chunk may be the beginning of the marker."""
        longest = min(len(chunk), len(self.marker) - 1)
        fitting = (n for n in range(longest, 0, -1) if chunk.endswith(self.marker[:n]))
        return next(fitting, 0)

    def finish(self) -> bytes:
        rest = self.held
        return rest + self.insertion if self.or_at_end and not self.is_done else rest
