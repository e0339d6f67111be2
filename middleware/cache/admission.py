"""Make an entry in the store from a response that passes to the client."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from middleware._fields import value_of, values_of
from middleware._wsgi import NO_CONTENT_STATUSES, Headers
from middleware.cache.entry import Entry
from middleware.cache.filling import Fill
from middleware.cache.freshness import Control
from middleware.cache.joining import join_parts
from middleware.cache.parts import Parts, Request, code_of
from middleware.cache.ranges import Span, span_of_part
from middleware.cache.stores.base import BodyWriter
from middleware.cache.storing import Asked, reason_not_to_store, storable_headers
from middleware.cache.vary import selecting_values


@dataclass(frozen=True, slots=True)
class Arrival:
    """The head of a response, and when it was requested: in seconds and by the group clock."""

    status: str
    headers: Headers
    request_time: float
    started: int


def refusal_of(
    parts: Parts, request: Request, code: int, headers: Headers, control: Control
) -> str | None:
    """Return the reason not to store a response, or None."""
    asked = Asked(request.asked.no_store, request.authenticated)
    refusal = reason_not_to_store(asked, code, headers, control, parts.time(), parts.policy)
    if refusal is not None:
        return refusal
    length = announced_length(headers)
    if length is None and values_of(headers, "content-length"):
        return "no length"  # It is none, so how much has to come is unknown (RFC 9112 6.3).
    if length is not None and length > parts.policy.max_body_bytes:
        return "too large"
    if code == 206 and _span_of(headers, length, request) is None:
        return "part without place"
    return None


def begin_fill(
    parts: Parts,
    request: Request,
    arrival: Arrival,
    control: Control,
    app_body: Iterable[bytes] | None,
    *,
    on_end: Callable[[bool | None], None],
) -> Fill:
    """Begin to store a response.

    `app_body`: what the application returned; None if it has not returned yet.
    `on_end` is called with whether others can use the response; None if that is unknown.
    """
    headers = storable_headers(arrival.headers, control.directives)
    make_entry = partial(
        Entry,
        key=request.key,
        status=arrival.status,
        headers=headers,
        selecting=selecting_values(headers, request.selecting),
        request_time=arrival.request_time,
        response_time=parts.time(),
        started=arrival.started,
        policy=parts.policy,
    )
    is_part = code_of(arrival.status) == 206

    def commit(writer: BodyWriter) -> None:
        body = writer.finish()
        span = _span_of(headers, body.size, request) if is_part else None
        entry = make_entry(body=body, span=span)
        if entry.span is not None:
            entry = join_parts(parts.store, entry)
        stored = parts.store.put(entry)
        on_end(is_reusable(entry, parts.time()) if stored else _may_do_better(stored))

    return Fill(
        parts.store.writer(),
        _expected_length(arrival, app_body),
        parts.policy.max_body_bytes,
        on_commit=commit,
        on_abort=lambda too_long: on_end(False if too_long else None),
    )


def is_reusable(entry: Entry, now: float) -> bool:
    """Return whether the requests that wait can use the entry."""
    return entry.fresh_until > now or entry.directives.stale_while_revalidate > 0


def _may_do_better(stored: bool | None) -> bool | None:
    """Return what a response that was not stored says of the next one: nothing, or False."""
    return False if stored is None else None


def announced_length(headers: Headers) -> int | None:
    """Read Content-Length; None without a valid one."""
    values = values_of(headers, "content-length")
    return int(values[0]) if len(values) == 1 and values[0].isdecimal() else None


def _expected_length(arrival: Arrival, app_body: Iterable[bytes] | None) -> int | None:
    if arrival.status[:3] in NO_CONTENT_STATUSES:
        return 0
    announced = announced_length(arrival.headers)
    if announced is None and isinstance(app_body, list | tuple):
        return sum(map(len, app_body))
    return announced


def _span_of(headers: Headers, size: int | None, request: Request) -> Span | None:
    """Return which bytes a 206 of this size holds; None if the request had no range."""
    if size is None or request.range is None:
        return None
    return span_of_part(value_of(headers, "content-range") or "", size, request.range)
