"""Validation: a client's conditions answered here, and ours sent to the application.

RFC 9110 section 13 (conditional requests), RFC 9111 section 4.3.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from middleware._wsgi import Headers
from middleware.cache.dates import format_date, parse_date
from middleware.cache.fields import HOP_BY_HOP, split_list, value_of, without

if TYPE_CHECKING:
    from middleware.cache.entry import Entry

# A 304 says nothing new about the stored bytes (RFC 9111 section 3.2).
_KEPT_BY_UPDATE = frozenset({"content-length", "content-encoding", "content-range"})
# What a 304 repeats of the 200 (RFC 9110 section 15.4.5), and what caches after us need.
_IN_NOT_MODIFIED = frozenset(
    {"cache-control", "content-location", "date", "etag", "expires", "vary", "last-modified"}
    | {"cache-groups", "cache-status"}
)


def is_weak(etag: str) -> bool:
    """Say whether an entity tag is a weak one."""
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

    Not for caches, which leave both to whom they ask.
    """
    if_match = conditions.get("HTTP_IF_MATCH")
    if if_match is not None:
        listed = split_list(if_match)
        return listed != ["*"] and not any(strongly_equal(etag, one) for one in listed)
    since = conditions.get("HTTP_IF_UNMODIFIED_SINCE")
    moment = None if since is None else parse_date(since, now)
    return moment is not None and modified_by > moment


def matches_any(etag: str | None, if_none_match: str) -> bool:
    """Say whether an If-None-Match names this entity tag, or `*`."""
    if if_none_match == etag or if_none_match.strip() == "*":
        return True
    if etag is None:
        return False
    return any(weakly_equal(etag, listed) for listed in split_list(if_none_match))


def not_modified_headers(headers: Headers, targeted_field: str | None) -> Headers:
    """Keep of a stored response what its 304 carries."""
    kept = _IN_NOT_MODIFIED | {(targeted_field or "cache-control").lower()}
    return [pair for pair in headers if pair[0].lower() in kept]


def conditions_for(entries: Sequence["Entry"], *, by_etag: bool) -> dict[str, str]:
    """Make the environ keys that ask whether one of these is still current (4.3.1).

    `by_etag`: the entries are variants that the request does not select, of
    which only an entity tag can tell that one suits it all the same (4.1).
    """
    conditions: dict[str, str] = {}
    etags = list(dict.fromkeys(entry.etag for entry in entries if entry.etag))
    if etags:
        conditions["HTTP_IF_NONE_MATCH"] = ", ".join(etags)
    modified = entries[0].last_modified if entries else None
    if modified is not None and not by_etag:
        conditions["HTTP_IF_MODIFIED_SINCE"] = modified
    return conditions


def entry_to_update(
    entries: Sequence["Entry"], headers: Headers, *, by_etag: bool
) -> "Entry | None":
    """Choose the stored response that a 304 speaks of (RFC 9111 section 4.3.4)."""
    etag = value_of(headers, "etag")
    modified = value_of(headers, "last-modified")
    if etag is not None and not is_weak(etag):
        return next((entry for entry in entries if strongly_equal(entry.etag, etag)), None)
    if etag is not None:
        return next(
            (entry for entry in entries if entry.etag and weakly_equal(entry.etag, etag)), None
        )
    if by_etag:
        return None
    if modified is not None:
        return next((entry for entry in entries if entry.last_modified == modified), None)
    # Nothing to go by in the 304: it speaks of the one that was asked about.
    return entries[0] if len(entries) == 1 else None


def updated_headers(stored: Headers, new: Headers, response_time: float) -> Headers:
    """Let the new response's fields replace the stored ones of the same name (3.2)."""
    fresh = without(new, HOP_BY_HOP | _KEPT_BY_UPDATE)
    if value_of(fresh, "date") is None:
        # Without Date it counts from now, or the old one would make it stale at once.
        fresh.append(("Date", format_date(response_time)))
    names = {name.lower() for name, _ in fresh}
    return without(stored, names | {"age"}) + fresh
