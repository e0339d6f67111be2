"""Evaluate a client's conditions, for a 304 or a 412 (RFC 9110 section 13, RFC 9111 4.3.2)."""

import re
from collections.abc import Mapping
from typing import Any

from middleware._wsgi import Headers
from middleware.cache.dates import parse_date

# A backslash is no escape in an entity tag (RFC 9110 section 8.8.3), as it is in quoted strings.
_LISTED = re.compile(r'(?:W/)?"[^"]*"|[^,\s]+')

# The fields of the 200 that a 304 repeats (RFC 9110 section 15.4.5), and those for other caches.
_IN_NOT_MODIFIED = frozenset(
    {"cache-control", "content-location", "date", "etag", "expires", "vary", "last-modified"}
    | {"cache-groups", "cache-status"}
)


def is_weak(etag: str) -> bool:
    """Return whether an entity tag is a weak one."""
    return etag.startswith("W/")


def weakly_equal(one: str, other: str) -> bool:
    """Compare two entity tags, weak or not (RFC 9110 section 8.8.3.2)."""
    return one.removeprefix("W/") == other.removeprefix("W/")


def strongly_equal(one: str | None, other: str | None) -> bool:
    """Compare two entity tags: both there, both strong, and the same."""
    return one is not None and one == other and not is_weak(one)


def is_not_modified(
    etag: str | None, modified_by: int, conditions: Mapping[str, Any], now: float
) -> bool:
    """Evaluate If-None-Match, or without one If-Modified-Since (RFC 9111 section 4.3.2).

    `modified_by` is Last-Modified, or without one Date; `conditions` an environ.
    """
    if_none_match = conditions.get("HTTP_IF_NONE_MATCH")
    if if_none_match is not None:
        return matches_any(etag, if_none_match)
    since = conditions.get("HTTP_IF_MODIFIED_SINCE")
    if since is None:
        return False
    moment = parse_date(since, now)
    return moment is not None and modified_by <= moment


def precondition_fails(
    etag: str, modified_by: int, conditions: Mapping[str, Any], now: float
) -> bool:
    """Evaluate If-Match, or without one If-Unmodified-Since (RFC 9110 section 13.2.2).

    Caches do not use it: only the origin evaluates these conditions.
    """
    if_match = conditions.get("HTTP_IF_MATCH")
    if if_match is not None:
        listed = _LISTED.findall(if_match)
        return listed != ["*"] and not any(strongly_equal(etag, one) for one in listed)
    since = conditions.get("HTTP_IF_UNMODIFIED_SINCE")
    moment = None if since is None else parse_date(since, now)
    return moment is not None and modified_by > moment


def matches_any(etag: str | None, if_none_match: str) -> bool:
    """Return whether an If-None-Match has this entity tag, or `*`."""
    if if_none_match == etag or if_none_match.strip() == "*":
        return True
    if etag is None:
        return False
    return any(weakly_equal(etag, listed) for listed in _LISTED.findall(if_none_match))


def not_modified_headers(headers: Headers, targeted_field: str | None) -> Headers:
    """Return the fields of a stored response that its 304 has."""
    kept = _IN_NOT_MODIFIED | {(targeted_field or "cache-control").lower()}
    return [pair for pair in headers if pair[0].lower() in kept]
