"""Whether a response may be stored, and which of its fields (RFC 9111 sections 3 and 3.1)."""

from dataclasses import dataclass

from middleware._fields import of_connection, split_list, value_of, values_of, without
from middleware._wsgi import Headers
from middleware.cache.directives import ResponseDirectives
from middleware.cache.freshness import (
    HEURISTIC_STATUSES,
    Control,
    explicit_lifetime,
    freshness_lifetime,
)
from middleware.cache.policy import CachePolicy

# The final status codes of RFC 9110 section 15, whose caching rules this cache follows
# ("understands", RFC 9111 section 3). 206 and 304 have their own ways in.
UNDERSTOOD_STATUSES = frozenset(
    {200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 307, 308}
    | set(range(400, 418))
    | {421, 422, 426, 428, 429, 431, 451}
    | set(range(500, 506))
    | {511}
)

# Answers to what the cache key does not have: credentials (401, 407), conditions (304, 412) or a
# range (416); and 428, 429, 431 and 511, which RFC 6585 forbids caches to store.
_OF_ONE_REQUEST = frozenset({304, 401, 407, 412, 416, 428, 429, 431, 511})

# Reasons that come from the request, and do not affect what is stored already.
OF_REQUEST = frozenset({"request no-store", "authorization"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the storing rules need to know of the request."""

    no_store: bool = False
    # The request carried Authorization, or the server names a signed-in REMOTE_USER.
    authenticated: bool = False


def reason_not_to_store(
    asked: Asked,
    status: int,
    headers: Headers,
    control: Control,
    response_time: float,
    policy: CachePolicy,
) -> str | None:
    """Return the first rule that forbids storing the response; None if none does."""
    directives = control.directives
    if asked.no_store:
        return "request no-store"
    if not 200 <= status <= 599 or status in _OF_ONE_REQUEST:
        return "status"
    if (directives.no_store or directives.must_understand) and not _may_disregard_no_store(
        status, directives
    ):
        return "no-store"
    if directives.private:
        return "private"
    if asked.authenticated and not may_share_authenticated(directives):
        return "authorization"
    if "*" in split_list(value_of(headers, "vary") or ""):
        return "vary *"
    has_cookie = values_of(headers, "set-cookie") and "set-cookie" not in directives.unstored_fields
    if has_cookie and not policy.store_set_cookie:
        return "set-cookie"
    if not is_cacheable(status, headers, control, response_time):
        return "no freshness"
    if not is_useful(status, headers, control, response_time, policy):
        return "neither fresh nor to be validated"
    return None


def _may_disregard_no_store(status: int, directives: ResponseDirectives) -> bool:
    """must-understand overrules no-store where the status is understood (5.2.2.3)."""
    return directives.must_understand and status in UNDERSTOOD_STATUSES


def may_share_authenticated(directives: ResponseDirectives) -> bool:
    """Return whether others may get the answer to a signed-in request (RFC 9111 section 3.5)."""
    return directives.public or directives.must_revalidate or directives.s_maxage is not None


def is_cacheable(status: int, headers: Headers, control: Control, response_time: float) -> bool:
    """Return whether something says that it may be cached (RFC 9111 section 3, last condition)."""
    return (
        control.directives.public
        or explicit_lifetime(headers, control, response_time) is not None
        or status in HEURISTIC_STATUSES
    )


def is_useful(
    status: int,
    headers: Headers,
    control: Control,
    response_time: float,
    policy: CachePolicy,
) -> bool:
    """Return whether a stored copy could be used: fresh, stale within a window, or validated."""
    return (
        freshness_lifetime(status, headers, control, response_time, policy) > 0
        or control.directives.stale_while_revalidate > 0
        or value_of(headers, "etag") is not None
        or value_of(headers, "last-modified") is not None
    )


def storable_headers(headers: Headers, directives: ResponseDirectives) -> Headers:
    """Copy the fields that may be stored (RFC 9111 section 3.1)."""
    return without(headers, of_connection(headers) | directives.unstored_fields)
