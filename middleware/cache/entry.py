"""A stored response, with everything that a hit needs computed once."""

import secrets
from collections.abc import Iterable
from typing import Any, Protocol

from middleware._fields import value_of, values_of, without
from middleware._wsgi import NO_CONTENT_STATUSES, Headers
from middleware.cache.client_conditions import not_modified_headers
from middleware.cache.dates import format_date, parse_date
from middleware.cache.directives import ResponseDirectives
from middleware.cache.freshness import (
    age_value,
    control_of,
    date_of,
    freshness_lifetime,
    initial_age,
)
from middleware.cache.groups import slots_of
from middleware.cache.invalidation import groups_of
from middleware.cache.policy import CachePolicy
from middleware.cache.ranges import Span
from middleware.cache.vary import Selecting

# How much the clocks of hosts that share a store may differ. A response that came even later than
# that was stored before the clock was set back, and its age is unknown.
CLOCK_SECONDS = 60


class Body(Protocol):
    """The stored bytes of a response."""

    @property
    def size(self) -> int:
        """The number of bytes."""
        ...

    def pieces(self, start: int, stop: int) -> Iterable[bytes]:
        """Return the bytes from `start` up to, not including, `stop`, in pieces of any size.

        Raises ConnectionError if the store cannot be reached or has lost the bytes.
        """
        ...


class Entry:
    """One stored response: its parts as they came, and what is computed from them.

    An entry never changes; a 304 makes another one with the same body.
    """

    __slots__ = (
        "age_value",
        "body",
        "born",
        "code",
        "date",
        "directives",
        "etag",
        "fresh_from",
        "fresh_until",
        "groups",
        "headers",
        "id",
        "key",
        "last_modified",
        "lifetime",
        "modified_by",
        "not_modified_headers",
        "policy",
        "request_time",
        "response_time",
        "selecting",
        "slots",
        "span",
        "started",
        "status",
        "targeted",
    )

    def __init__(
        self,
        *,
        key: str,
        status: str,
        headers: Headers,
        selecting: Selecting,
        request_time: float,
        response_time: float,
        started: int,
        body: Body,
        policy: CachePolicy,
        span: Span | None = None,
        identity: str | None = None,
    ) -> None:
        self.key = key
        self.id = identity or secrets.token_hex(8)
        self.status = status
        self.code = int(status[:3])
        self.selecting = selecting
        self.request_time = request_time
        self.response_time = response_time
        self.started = started
        self.body = body
        self.policy = policy
        self.span = span
        self._work_out_freshness(headers)
        self.groups = groups_of(headers, key)
        self.slots = slots_of(self.groups)
        self.headers = _complete(headers, status, body.size, response_time)
        self.not_modified_headers = not_modified_headers(self.headers, self.policy.targeted_field)

    def _work_out_freshness(self, headers: Headers) -> None:
        control = control_of(headers, self.policy)
        self.directives: ResponseDirectives = control.directives
        self.targeted = control.targeted
        self.date = date_of(headers, self.response_time)
        self.lifetime = freshness_lifetime(
            self.code, headers, control, self.response_time, self.policy
        )
        self.age_value = age_value(headers)
        # The moment at which its age was 0.
        self.born = self.response_time - initial_age(headers, self.request_time, self.response_time)
        # From when to when it may be served without validation; no-cache forbids it (5.2.2.4).
        self.fresh_from = self.response_time - CLOCK_SECONDS
        self.fresh_until = 0.0 if self.directives.no_cache else self.born + self.lifetime
        self.etag = value_of(headers, "etag")
        self.last_modified = value_of(headers, "last-modified")
        modified = parse_date(self.last_modified or "", self.response_time)
        # Without Last-Modified, If-Modified-Since is compared with Date (RFC 9111 4.3.2).
        self.modified_by = self.date if modified is None else modified

    @property
    def received_headers(self) -> Headers:
        """The header fields with the original Age: another entry is made from them."""
        return [*self.headers, ("Age", str(self.age_value))]

    @property
    def is_complete(self) -> bool:
        """Return whether this is the whole response and not a part."""
        return self.span is None

    @property
    def is_at_hand(self) -> bool:
        """Return whether the body is available, by reading a byte of it."""
        try:
            return self.body.size == 0 or any(self.body.pieces(0, 1))
        except ConnectionError:
            return False

    @property
    def has_validator(self) -> bool:
        """Return whether the application can validate it."""
        return self.etag is not None or self.last_modified is not None

    def age(self, now: float) -> float:
        """Return current_age (RFC 9111 section 4.2.3) in seconds."""
        return max(0.0, now - self.born)

    def staleness(self, now: float) -> float:
        """Return the seconds since the lifetime ended; negative while it lasts."""
        return now - self.born - self.lifetime

    def keep_seconds(self, now: float) -> int:
        """Return for how many seconds a store should keep it: until it is of no use any more."""
        directives = self.directives
        after = max(
            directives.stale_while_revalidate,
            directives.stale_if_error or 0,
            self.policy.stale_when_disconnected_seconds,
        )
        return int(max(0.0, -self.staleness(now)) + after) + 1

    def updated(
        self,
        headers: Headers,
        *,
        selecting: Selecting,
        request_time: float,
        response_time: float,
        started: int,
    ) -> "Entry":
        """Return this entry with new header fields, from a 304 or a HEAD.

        With other selecting values, it is one more variant with the same body.
        """
        return self._with(
            headers=headers,
            selecting=selecting,
            request_time=request_time,
            response_time=response_time,
            started=started,
            identity=self.id if selecting == self.selecting else None,
        )

    def joined(self, body: Body, span: Span) -> "Entry":
        """Return this entry with a larger part as its body; as a 200, if that is the whole."""
        headers = without(self.received_headers, {"content-range", "content-length"})
        if span.is_whole:
            return self._with(status="200 OK", headers=headers, body=body, span=None)
        headers.append(("Content-Range", span.content_range()))
        return self._with(headers=headers, body=body, span=span)

    def _with(self, **changes: Any) -> "Entry":
        parts: dict[str, Any] = {
            "key": self.key,
            "status": self.status,
            "headers": self.received_headers,
            "selecting": self.selecting,
            "request_time": self.request_time,
            "response_time": self.response_time,
            "started": self.started,
            "body": self.body,
            "policy": self.policy,
            "span": self.span,
            "identity": self.id,
        }
        return Entry(**{**parts, **changes})


def _complete(headers: Headers, status: str, size: int, response_time: float) -> Headers:
    """Add Date (RFC 9110 section 6.6.1) and Content-Length if they are missing; remove Age."""
    headers = without(headers, {"age"})
    if not values_of(headers, "date"):
        headers.append(("Date", format_date(response_time)))
    if not values_of(headers, "content-length") and status[:3] not in NO_CONTENT_STATUSES:
        headers.append(("Content-Length", str(size)))
    return headers
