"""The cache's own conditions, sent to the application, and the 304 to them (RFC 9111 4.3)."""

from collections.abc import Sequence

from middleware._fields import of_connection, value_of, without
from middleware._wsgi import Headers
from middleware.cache.client_conditions import is_weak, strongly_equal, weakly_equal
from middleware.cache.dates import format_date
from middleware.cache.entry import Entry

# Fields about the stored bytes, which a 304 does not change (RFC 9111 section 3.2).
_KEPT_BY_UPDATE = frozenset({"content-length", "content-encoding", "content-range"})


def conditions_for(entries: Sequence[Entry], *, by_etag: bool) -> dict[str, str]:
    """Make the environ keys that ask whether one of these is still current (4.3.1).

    `by_etag`: the entries are variants that the request does not select; only an
    entity tag can tell that one of them suits the request nevertheless (4.1).
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
    """Return the stored response that a 304 is about (RFC 9111 section 4.3.4)."""
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
    # The 304 has no validator: it is about the only one that was asked about.
    return entries[0] if len(entries) == 1 else None


def updated_headers(stored: Headers, new: Headers, response_time: float) -> Headers:
    """Replace stored fields by those of the same name in the new response (3.2)."""
    fresh = without(new, of_connection(new) | _KEPT_BY_UPDATE)
    if value_of(fresh, "date") is None:
        # Without Date, the age counts from now; the old Date would make it stale at once.
        fresh.append(("Date", format_date(response_time)))
    names = {name.lower() for name, _ in fresh}
    return without(stored, names | {"age"}) + fresh
