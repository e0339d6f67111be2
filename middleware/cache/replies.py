"""Turn a stored response into the answer to one request: whole, 304, 206, 416, without body."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from middleware._fields import value_of, without
from middleware._wsgi import Headers
from middleware.cache.client_conditions import is_not_modified
from middleware.cache.entry import Entry
from middleware.cache.ranges import Span, parse_range, range_applies
from middleware.cache.representation import Representation
from middleware.cache.reuse import part_of

Reply = tuple[str, Headers, Iterable[bytes]]

# They describe the whole content, which a 206 or 416 does not have.
_OF_CONTENT = ("content-length", "content-range")


def reply(entry: Representation, environ: dict[str, Any]) -> Reply:
    """Answer with a stored response; copy the header list before changing it.

    Conditions come before ranges (RFC 9110 section 13.2.2), and both apply to
    successful responses only.
    """
    if entry.code in (200, 206):
        if (
            "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
        ) and is_not_modified(entry.etag, entry.modified_by, environ, entry.response_time):
            return "304 Not Modified", entry.not_modified_headers, ()
        if "HTTP_RANGE" in environ and (ranged := _ranged(entry, environ)):
            return ranged
    if environ["REQUEST_METHOD"] == "HEAD":
        return entry.status, entry.headers, ()
    return entry.status, entry.headers, entry.body.pieces(0, entry.body.size)


def with_age(headers: Headers, entry: Entry, now: float) -> Headers:
    """Copy the list and add Age, which every answer from a cache carries (RFC 9111 section 4)."""
    return [*headers, ("Age", str(int(entry.age(now))))]


def gateway_timeout(message: str) -> tuple[Headers, bytes]:
    """Return the header fields and the content of a 504 that the cache makes itself."""
    content = message.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(content))),
        ("Cache-Control", "no-store"),
    ]
    return headers, content


def _ranged(entry: Representation, environ: dict[str, Any]) -> Reply | None:
    """Answer a Range; None if it has to be ignored."""
    if environ["REQUEST_METHOD"] != "GET":
        return None  # RFC 9110 section 14.2: defined for GET only.
    if entry.span is not None:
        part = part_of(entry, environ)
        return None if part is None else _single(entry, part, entry.span.start)
    if not range_applies(environ.get("HTTP_IF_RANGE"), entry.etag, entry.last_modified, entry.date):
        return None
    spans = parse_range(environ["HTTP_RANGE"], entry.body.size)
    if spans is None:
        return None
    if not spans:
        return _unsatisfiable(entry)
    return _single(entry, spans[0], 0) if len(spans) == 1 else _several(entry, spans)


def _single(entry: Representation, span: Span, offset: int) -> Reply:
    headers = without(entry.headers, _OF_CONTENT)
    headers += [("Content-Range", span.content_range()), ("Content-Length", str(span.size))]
    pieces = entry.body.pieces(span.start - offset, span.stop - offset)
    return "206 Partial Content", headers, pieces


def _several(entry: Representation, spans: list[Span]) -> Reply:
    """Answer with multipart/byteranges (RFC 9110 section 14.6)."""
    boundary = secrets.token_hex(16)
    content_type = value_of(entry.headers, "content-type")
    head = f"\r\n--{boundary}\r\n" + (f"Content-Type: {content_type}\r\n" if content_type else "")
    heads = [f"{head}Content-Range: {span.content_range()}\r\n\r\n".encode() for span in spans]
    end = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(span.size for span in spans) + len(end)
    headers = without(entry.headers, (*_OF_CONTENT, "content-type"))
    headers += [
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        ("Content-Length", str(length)),
    ]

    def parts() -> Iterator[bytes]:
        for head, span in zip(heads, spans, strict=True):
            yield head
            yield from entry.body.pieces(span.start, span.stop)
        yield end

    return "206 Partial Content", headers, parts()


def _unsatisfiable(entry: Representation) -> Reply:
    """Refuse ranges beyond the end (RFC 9110 section 15.5.17)."""
    headers = without(entry.headers, (*_OF_CONTENT, "content-type", "content-encoding", "etag"))
    headers += [("Content-Range", f"bytes */{entry.body.size}"), ("Content-Length", "0")]
    headers.append(("Content-Type", "text/plain; charset=utf-8"))
    return "416 Range Not Satisfiable", headers, ()
