"""Requests that are not a plain hit: answered from the store, after a wait, or forwarded."""

import io
import logging
from collections.abc import Callable, Iterable, Sequence
from wsgiref.types import StartResponse

from middleware._wsgi import Headers
from middleware.cache.collapsing import Flight
from middleware.cache.entry import Entry
from middleware.cache.exchange import Exchange
from middleware.cache.parts import BACKGROUND_KEY, STATUS_KEY, Parts, Request
from middleware.cache.replies import gateway_timeout, reply, with_age
from middleware.cache.reuse import Decision, decide, may_serve_after_error
from middleware.cache.stores.base import NO_TIME
from middleware.cache.variants import Variants
from middleware.cache.vary import normalize
from middleware.cache.verdict import Inquiry

_log = logging.getLogger("middleware.cache")

# The number of entity tags in one question about a resource with many variants.
_MAX_CANDIDATES = 8
# A request that has waited this often in vain is forwarded.
_MAX_WAITS = 3
# Keys about the client's connection and preferences, which a background request does not have.
_OF_CLIENT = (
    "wsgi.early_hints",
    "gunicorn.socket",
    "werkzeug.socket",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
    "HTTP_CACHE_CONTROL",
    "HTTP_PRAGMA",
)

Spawn = Callable[[Callable[[], None]], object]


class Deliberation:
    """One GET or HEAD that needs more than a look-up.

    `variants` and `started` are the result of the look-up.
    """

    def __init__(
        self,
        parts: Parts,
        request: Request,
        start_response: StartResponse,
        variants: Variants,
        started: int,
    ) -> None:
        self._parts = parts
        self._request = request
        self._start_response = start_response
        self._variants = variants
        self._started = started
        self._flight: Flight | None = None
        self._waits = 0
        self._waited_for = ""

    def run(self, spawn: Spawn, collapse_seconds: float) -> Iterable[bytes]:
        """Answer the request."""
        try:
            while True:
                decision = self._decide()
                if decision.may_serve and decision.entry is not None:
                    self._land()
                    if decision.revalidate:
                        self._revalidate(decision.entry, spawn)
                    return self._serve(decision.entry)
                if self._request.asked.only_if_cached:
                    return self._refuse()
                if self._flight is not None or not self._may_wait(collapse_seconds):
                    return self._forward(decision)
                flight, leads = self._parts.flights.join(self._flight_key())
                if leads:
                    self._flight = flight
                elif not flight.wait(collapse_seconds):
                    return self._forward(decision)
                else:
                    self._waits += 1
                    self._waited_for = decision.reason
                    stale = decision.entry
                    if stale is not None and self._may_use_stale(stale, flight):
                        return self._serve(stale)
                # Look again: the response is there, or came just before this request could lead.
                self._variants, self._started = self._parts.store.lookup(self._request.key)
        except BaseException:
            self._land()
            raise

    def _decide(self) -> Decision:
        return decide(
            self._matching(),
            self._request.environ,
            self._request.asked,
            self._parts.time(),
            self._parts.store.is_current,
        )

    def _matching(self) -> Sequence[Entry]:
        return self._variants.select(self._request.selecting)

    # Waiting.

    def _may_wait(self, collapse_seconds: float) -> bool:
        request = self._request
        return (
            request.method == "GET"
            and request.range is None
            and not request.asked.no_cache
            and not request.asked.no_store
            and self._started != NO_TIME
            and self._waits < _MAX_WAITS
            and collapse_seconds > 0
            and not self._parts.flights.is_uncacheable(self._flight_key())
        )

    def _flight_key(self) -> object:
        """Return a key that differs if a response cannot be shared: by variant, and by user."""
        fields = self._request.selecting
        values = tuple(normalize(key, fields.get(key)) for key in self._variants.keys)
        return self._request.key, values, self._request.authenticated

    def _land(self) -> None:
        if self._flight is not None:
            self._parts.flights.land(self._flight, reusable=True)
            self._flight = None

    def _may_use_stale(self, entry: Entry, flight: Flight) -> bool:
        """Return whether the stale response that the leader served suits this request too.

        The leader's client may have accepted more than this one does.
        """
        return (
            flight.stale_served
            and self._parts.store.is_current(entry)
            and may_serve_after_error(
                entry, self._request.asked, self._parts.time(), disconnected=flight.disconnected
            )
        )

    # Answers.

    def _serve(self, entry: Entry) -> Iterable[bytes]:
        now = self._parts.time()
        status, headers, pieces = reply(entry, self._request.environ)
        ttl = int(-entry.staleness(now))
        if self._waits:
            text = self._parts.status.forward(self._waited_for, ttl=ttl, collapsed=True)
        else:
            text = self._parts.status.hit(ttl)
        self._request.environ[STATUS_KEY] = text
        headers = self._parts.with_status(with_age(headers, entry, now), text)
        self._start_response(status, headers)
        return pieces

    def _refuse(self) -> Iterable[bytes]:
        """Answer only-if-cached without a stored response (RFC 9111 section 5.2.1.7)."""
        headers, content = gateway_timeout("There is no stored response to use.\n")
        text = f"{self._parts.status.name}; detail=only-if-cached"
        self._request.environ[STATUS_KEY] = text
        self._start_response("504 Gateway Timeout", self._parts.with_status(headers, text))
        return [] if self._request.method == "HEAD" else [content]

    # The application.

    def _forward(self, decision: Decision) -> Iterable[bytes]:
        matching = self._matching()
        by_etag = not matching
        inquiry = Inquiry(
            self._request,
            "vary-miss" if self._variants.entries and by_etag else decision.reason,
            request_time=self._parts.time(),
            started=self._started,
            stale=decision.entry,
            candidates=self._candidates(self._variants.entries if by_etag else matching),
            by_etag=by_etag,
            flight=self._flight,
            answers_conditions=self._may_be_shared(),
        )
        return Exchange(self._parts, inquiry, self._start_response).run()

    def _may_be_shared(self) -> bool:
        """Return whether the response is likely to be stored, as far as the request tells."""
        request = self._request
        return (
            request.range is None
            and not request.asked.no_store
            and not request.authenticated
            and not self._parts.flights.is_uncacheable(self._flight_key())
        )

    def _candidates(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Choose the entries to ask about; none if the client wants nothing stored."""
        if self._request.asked.no_store or self._request.method == "HEAD":
            return ()
        able = [
            entry
            for entry in entries
            if entry.has_validator
            and (entry.is_complete or self._request.range is not None)
            and self._parts.store.is_current(entry)
        ]
        return able[:_MAX_CANDIDATES]

    def _revalidate(self, entry: Entry, spawn: Spawn) -> None:
        """Revalidate a stale entry in the background (RFC 5861 section 3)."""
        flight, leads = self._parts.flights.join(self._flight_key())
        if not leads:
            return
        environ = {k: v for k, v in self._request.environ.items() if k not in _OF_CLIENT}
        environ.update({"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(), BACKGROUND_KEY: True})
        inquiry = Inquiry(
            Request(environ, self._request.key, self._parts.vary),
            "stale",
            request_time=self._parts.time(),
            started=self._started,
            stale=entry,
            candidates=self._candidates([entry]),
            flight=flight,
        )
        exchange = Exchange(self._parts, inquiry, _discard_head)
        try:
            spawn(lambda: _exhaust(exchange))
        except Exception:
            _log.exception("a revalidation in the background could not be started")
            self._parts.flights.land(flight, reusable=None)


def _discard_head(
    status: str, headers: Headers, exc_info: object = None
) -> Callable[[bytes], object]:
    return _discard


def _discard(chunk: bytes) -> None:
    """Drop bytes: a background request has no client."""


def _exhaust(exchange: Exchange) -> None:
    """Run a forwarded request to its end, so that the cache stores the response."""
    try:
        body = exchange.run()
        try:
            for _ in body:
                pass
        finally:
            exchange.close()
    except Exception:
        _log.exception("a revalidation in the background failed")
