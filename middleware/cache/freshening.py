"""Update a stored response from the head of a new one (RFC 9111 sections 3.2, 4.3.4-5)."""

from middleware._fields import value_of, without
from middleware._wsgi import Headers
from middleware.cache.admission import Arrival, refusal_of
from middleware.cache.entry import Entry
from middleware.cache.freshness import Control, control_of
from middleware.cache.parts import Parts, Request, code_of
from middleware.cache.revalidation import updated_headers
from middleware.cache.storing import OF_REQUEST
from middleware.cache.vary import Selecting, selecting_values

# If one of these differs, the response to a HEAD is about another representation.
_TELLING = ("etag", "last-modified", "content-length")


def freshen(parts: Parts, request: Request, chosen: Entry, arrival: Arrival) -> tuple[Entry, bool]:
    """Return the entry that a 304 turns this one into, and whether it is stored."""
    now = parts.time()
    headers = updated_headers(chosen.headers, arrival.headers, now)
    return _keep(
        parts, request, chosen, arrival, headers, selecting_values(headers, request.selecting)
    )


def freshen_by_head(parts: Parts, request: Request, stored: Entry, arrival: Arrival) -> None:
    """Update the stored GET from the 200 to a HEAD, or drop it if that is about another one."""
    if code_of(arrival.status) != 200 or stored.code != 200:
        return
    news = [(value_of(arrival.headers, name), name) for name in _TELLING]
    if any(new not in {None, value_of(stored.headers, name)} for new, name in news):
        parts.store.drop([stored.key])
        return
    headers = updated_headers(stored.headers, arrival.headers, parts.time())
    _keep(parts, request, stored, arrival, headers, stored.selecting)


def _keep(
    parts: Parts,
    request: Request,
    chosen: Entry,
    arrival: Arrival,
    headers: Headers,
    selecting: Selecting,
) -> tuple[Entry, bool]:
    # The new fields may name some that are for one client alone, new or stored (5.2.2.4, 5.2.2.7).
    unstored = control_of(headers, parts.policy).directives.unstored_fields
    entry = chosen.updated(
        without(headers, unstored),
        selecting=selecting,
        request_time=arrival.request_time,
        response_time=parts.time(),
        started=arrival.started,
    )
    refusal = refusal_of(parts, request, entry.code, entry.headers, Control(entry.directives))
    if refusal is None and entry.id == chosen.id:
        return entry, parts.store.refresh(chosen, entry)
    if refusal is None:
        return entry, bool(parts.store.put(entry))
    if refusal not in OF_REQUEST:
        parts.store.drop([entry.key])
    return entry, False
