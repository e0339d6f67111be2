"""The cache's own conditions, sent to the application, and the 304 to them (RFC 9111 4.3)."""

from collections.abc import Sequence

from middleware._fields import HOP_BY_HOP, value_of, without
from middleware._wsgi import Headers
from middleware.cache.dates import format_date
from middleware.cache.entry import Entry
from middleware.cache.validation import is_weak, strongly_equal, weakly_equal

# A 304 says nothing new about the stored bytes (RFC 9111 section 3.2).
_KEPT_BY_UPDATE = frozenset({"content-length", "content-encoding", "content-range"})


def conditions_for(entries: Sequence[Entry], *, by_etag: bool) -> dict[str, str]:
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


def entry_to_update(entries: Sequence[Entry], headers: Headers, *, by_etag: bool) -> Entry | None:
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
