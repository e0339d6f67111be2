"""Types and helpers for PEP 3333 that several middleware share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeAlias
from wsgiref.types import StartResponse, WSGIApplication

Headers: TypeAlias = list[tuple[str, str]]
ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
)
Write: TypeAlias = Callable[[bytes], object]
Middleware: TypeAlias = Callable[[WSGIApplication], WSGIApplication]

# Responses of these have no content, and so no Content-Length (RFC 9110 section 8.6).
NO_CONTENT_STATUSES = frozenset({"204", "304"})


def changing_headers(
    start_response: StartResponse, change: Callable[[str, Headers], Headers]
) -> StartResponse:
    """Wrap `start_response` so that each call of it passes through `change(status, headers)`.

    A second call, with `exc_info`, replaces the first response, so `change` runs again.
    `change` returns a new list: the list that it gets belongs to the application.
    """

    def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
        try:
            return start_response(status, change(status, headers), exc_info)
        finally:
            # If the server raises it, its traceback holds this frame: a reference cycle.
            exc_info = None

    return start


def write_nothing(_chunk: bytes) -> None:
    """Stand in for the `write` that a server lacks (Granian): raise instead of losing bytes."""
    raise TypeError("this server has no write()")


class WrappedBody:
    """Wrap a response body, and close that very object.

    PEP 3333 requires `close()` on the iterable that the application returned, which need not be
    its iterator, for every request: after the last chunk, after an error, and if the client leaves
    before the first chunk. A generator with `finally` cannot do this: closed before its first
    `next()`, it runs nothing. A subclass cleans up in `after_close`.
    """

    __slots__ = ("_body", "_closed", "_next")

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self._next: Callable[[], bytes] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self.next_chunk()

    def next_chunk(self) -> bytes:
        """Take the next chunk of the wrapped body."""
        if self._next is None:
            self._next = iter(self._body).__next__
        return self._next()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            close_body(self._body)
        finally:
            self.after_close()

    def after_close(self) -> None:
        """Run once after the wrapped body's `close()`, even if that raised."""


def close_body(body: Iterable[bytes]) -> None:
    """Close a response body, if it can be closed."""
    close = getattr(body, "close", None)
    if close is not None:
        close()
