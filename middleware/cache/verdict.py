"""Decide what to do with the application's response, or with its failure."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from middleware._fields import names_in, value_of
from middleware._wsgi import Headers
from middleware.cache.admission import Arrival, begin_fill, is_reusable, refusal_of
from middleware.cache.client_conditions import is_not_modified, not_modified_headers
from middleware.cache.collapsing import Flight
from middleware.cache.dates import parse_date
from middleware.cache.entry import Entry
from middleware.cache.environ_conditions import Conditions
from middleware.cache.freshening import freshen, freshen_by_head
from middleware.cache.freshness import control_of, date_of
from middleware.cache.outcomes import Outcome, Passed, Replaced, Stored, StoredUnsent
from middleware.cache.parts import Parts, Request, code_of
from middleware.cache.replies import gateway_timeout, reply, with_age
from middleware.cache.reuse import may_serve_after_error

_log = logging.getLogger("middleware.cache")

# The errors that a stale response may hide (RFC 5861 section 4).
_ERRORS = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One request that is forwarded to the application, and why; times as in `Arrival`.

    `stale` is the stored response that may stand in for an error. `candidates` are those that the
    application is asked to validate, `by_etag` if the request selects none of them.
    `answers_conditions`: the cache evaluates the client's conditions.
    """

    request: Request
    reason: str
    request_time: float
    started: int
    stale: Entry | None = None
    candidates: Sequence[Entry] = ()
    by_etag: bool = False
    flight: Flight | None = None
    answers_conditions: bool = True


class Judge:
    """Decides over one inquiry, updates the store, and lands its flight."""

    def __init__(self, parts: Parts, inquiry: Inquiry, conditions: Conditions) -> None:
        self._parts = parts
        self._inquiry = inquiry
        self._request = inquiry.request
        self._conditions = conditions

    def decide(self, arrival: Arrival, body: Iterable[bytes] | None) -> Outcome | None:
        """Decide about a response; None if the application must be asked again without conditions.

        `body` is None if the application has not returned yet.
        """
        code = code_of(arrival.status)
        if code == 304 and self._conditions.are_asked:
            return self._validated(arrival)
        if code in _ERRORS and self._may_use_stale(disconnected=False):
            return self._stale(code, disconnected=False)
        if self._request.method == "HEAD":
            stale = self._inquiry.stale
            if stale is not None and self._parts.store.is_current(stale):
                freshen_by_head(self._parts, self._request, stale, arrival)
            return self.passed(arrival)
        return self._stored_or_passed(arrival, code, body)

    def decide_after_error(self, error: BaseException) -> Outcome | None:
        """Decide about a failure; None if the server has to report it."""
        if self._inquiry.stale is None or not isinstance(error, Exception):
            return None
        disconnected = isinstance(error, self._parts.disconnected)
        if self._may_use_stale(disconnected=disconnected):
            _log.warning("a stale response stands in for an error", exc_info=error)
            return self._stale(None, disconnected=disconnected)
        if disconnected:
            _log.warning("a stored response could not be validated", exc_info=error)
            return self._timed_out()
        return None

    def passed(self, arrival: Arrival, detail: str | None = None) -> Outcome:
        """Let the response pass as it is."""
        text = self._parts.status.forward(self._inquiry.reason, detail=detail)
        return Passed(arrival.status, self._parts.with_status(arrival.headers, text))

    def land(self, *, reusable: bool | None) -> None:
        """Wake the requests that wait for the same answer."""
        if self._inquiry.flight is not None:
            self._parts.flights.land(self._inquiry.flight, reusable=reusable)

    def _validated(self, arrival: Arrival) -> Outcome | None:
        # Without an entry, the 304 is about a representation that was not asked about, or about
        # one whose bytes the store has lost meanwhile.
        chosen = self._conditions.entry_for(arrival.headers)
        if chosen is None:
            return None
        entry, stored = freshen(self._parts, self._request, chosen, arrival)
        self.land(reusable=stored and is_reusable(entry, self._parts.time()))
        # What no store keeps is for this client all the same.
        personal = entry.directives.unstored_fields - names_in(entry.headers)
        own = [pair for pair in arrival.headers if pair[0].lower() in personal]
        return self._replaced_by(entry, fwd_status=304, stored=stored, own=own)

    def _stored_or_passed(
        self, arrival: Arrival, code: int, body: Iterable[bytes] | None
    ) -> Outcome:
        parts, request = self._parts, self._request
        control = control_of(arrival.headers, parts.policy)
        refusal = refusal_of(parts, request, code, arrival.headers, control)
        if refusal is not None:
            self.land(reusable=False)
            return self.passed(arrival, refusal)
        fill = begin_fill(
            parts,
            request,
            arrival,
            control,
            body,
            on_end=lambda reusable: self.land(reusable=reusable),
        )
        reason, seconds = self._inquiry.reason, parts.finish_seconds
        if self._client_has(code, arrival.headers):
            headers = not_modified_headers(arrival.headers, parts.policy.targeted_field)
            headers = parts.with_status(
                headers, parts.status.forward(reason, status=code, stored=True)
            )
            return StoredUnsent("304 Not Modified", headers, fill, finish_seconds=seconds)
        headers = parts.with_status(arrival.headers, parts.status.forward(reason, stored=True))
        return Stored(arrival.status, headers, fill, finish_seconds=seconds)

    def _client_has(self, code: int, headers: Headers) -> bool:
        """Evaluate the client's conditions, which the application did not see, on a new 200."""
        conditions = self._conditions.of_client
        if code != 200 or not conditions:
            return False
        now = self._parts.time()
        modified = parse_date(value_of(headers, "last-modified") or "", now)
        modified_by = date_of(headers, now) if modified is None else modified
        return is_not_modified(value_of(headers, "etag"), modified_by, conditions, now)

    # Instead of the application.

    def _may_use_stale(self, *, disconnected: bool) -> bool:
        stale = self._inquiry.stale
        return (
            stale is not None
            and self._parts.store.is_current(stale)
            and may_serve_after_error(
                stale, self._request.asked, self._parts.time(), disconnected=disconnected
            )
        )

    def _stale(self, code: int | None, *, disconnected: bool) -> Outcome:
        stale, flight = self._inquiry.stale, self._inquiry.flight
        assert stale is not None  # noqa: S101 - _may_use_stale() says so; for the checker.
        if flight is not None:
            flight.stale_served = True
            flight.disconnected = disconnected
        self.land(reusable=False)
        detail = "disconnected" if disconnected else "stale-if-error"
        return self._replaced_by(stale, fwd_status=code, detail=detail)

    def _timed_out(self) -> Outcome:
        """Answer 504: the stored response needs validation, which is impossible (5.2.2.2)."""
        self.land(reusable=False)
        headers, content = gateway_timeout(
            "The stored response is out of date, and its source cannot be reached.\n"
        )
        text = self._parts.status.forward(self._inquiry.reason, detail="disconnected")
        pieces = () if self._request.method == "HEAD" else (content,)
        return Replaced("504 Gateway Timeout", self._parts.with_status(headers, text), pieces)

    def _replaced_by(
        self,
        entry: Entry,
        *,
        fwd_status: int | None,
        stored: bool = False,
        detail: str | None = None,
        own: Sequence[tuple[str, str]] = (),
    ) -> Outcome:
        now = self._parts.time()
        line, headers, pieces = reply(entry, self._request.fields)
        text = self._parts.status.forward(
            self._inquiry.reason,
            status=fwd_status,
            ttl=int(-entry.staleness(now)),
            stored=stored,
            detail=detail,
        )
        headers = self._parts.with_status([*with_age(headers, entry, now), *own], text)
        return Replaced(line, headers, pieces)
