"""How long a response is fresh and how old it is (RFC 9111 section 4.2).

`reuse.py` decides what may be answered with one that is stale.
"""

from dataclasses import dataclass

from middleware._fields import value_of, values_of
from middleware._wsgi import Headers
from middleware.cache.dates import parse_date
from middleware.cache.directives import (
    MAX_SECONDS,
    ResponseDirectives,
    parse_response_directives,
    parse_targeted_directives,
)
from middleware.cache.policy import CachePolicy

# RFC 9110 section 15.1: cacheable without explicit freshness. 206 is in the list as well.
HEURISTIC_STATUSES = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})


@dataclass(frozen=True, slots=True)
class Control:
    """The directives that count for this cache, and whether a targeted field gave them."""

    directives: ResponseDirectives
    targeted: bool = False


def control_of(headers: Headers, policy: CachePolicy) -> Control:
    """Choose between the targeted field and Cache-Control (RFC 9213 section 2.2)."""
    if policy.targeted_field:
        targeted = value_of(headers, policy.targeted_field.lower())
        directives = parse_targeted_directives(targeted) if targeted is not None else None
        if directives is not None:
            return Control(directives, targeted=True)
    return Control(parse_response_directives(value_of(headers, "cache-control") or ""))


def explicit_lifetime(headers: Headers, control: Control, response_time: float) -> int | None:
    """Return the lifetime that the response states, or None (RFC 9111 section 4.2.1)."""
    directives = control.directives
    if directives.s_maxage is not None:
        return directives.s_maxage
    if directives.max_age is not None:
        return directives.max_age
    expires = values_of(headers, "expires")
    if control.targeted or not expires:
        return None
    # Several lines are one invalid date, which means "already expired", like "0" (5.3).
    end = parse_date(", ".join(expires), response_time)
    if end is None:
        return 0
    return min(max(0, end - date_of(headers, response_time)), MAX_SECONDS)


def heuristic_lifetime(
    status: int, headers: Headers, control: Control, response_time: float, policy: CachePolicy
) -> int:
    """Estimate a lifetime from Last-Modified (RFC 9111 section 4.2.2); 0 if that is forbidden."""
    if status not in HEURISTIC_STATUSES and not control.directives.public:
        return 0
    modified = parse_date(value_of(headers, "last-modified") or "", response_time)
    if modified is None:
        return 0
    unchanged = max(0, date_of(headers, response_time) - modified)
    return min(int(unchanged * policy.heuristic_fraction), policy.heuristic_max_seconds)


def freshness_lifetime(
    status: int, headers: Headers, control: Control, response_time: float, policy: CachePolicy
) -> int:
    """Return for how many seconds the response is fresh, counted from its origin's Date."""
    explicit = explicit_lifetime(headers, control, response_time)
    if explicit is not None:
        return explicit
    return heuristic_lifetime(status, headers, control, response_time, policy)


def initial_age(headers: Headers, request_time: float, response_time: float) -> float:
    """Return the response's age when it arrived (RFC 9111 section 4.2.3, corrected_initial_age)."""
    # Date has whole seconds: without int(), every response would arrive up to a second old.
    apparent_age = max(0, int(response_time) - date_of(headers, response_time))
    response_delay = max(0.0, response_time - request_time)
    return max(apparent_age, age_value(headers) + response_delay)


def age_value(headers: Headers) -> int:
    """Read Age: the first of several members; 0 if it is not a number (RFC 9111 section 5.1)."""
    first = (value_of(headers, "age") or "").split(",")[0].strip()
    if not (first.isascii() and first.isdigit()):
        return 0
    return min(int(first[:11]), MAX_SECONDS)


def date_of(headers: Headers, response_time: float) -> int:
    """Read Date; without a valid one, the time of arrival (RFC 9110 section 6.6.1)."""
    date = parse_date(value_of(headers, "date") or "", response_time)
    return int(response_time) if date is None else date
