"""One request forwarded to the application, and what the cache makes of the response."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any
from wsgiref.types import StartResponse

from middleware._fields import value_of
from middleware._wsgi import Headers, close_body, write_nothing
from middleware.cache.collapsing import Flight
from middleware.cache.dates import parse_date
from middleware.cache.entry import Entry
from middleware.cache.filling import Fill, FillingBody
from middleware.cache.freshening import freshen, freshen_by_head
from middleware.cache.freshness import control_of, date_of
from middleware.cache.keeping import Arrival, begin_fill, is_reusable, refusal_of
from middleware.cache.parts import STATUS_KEY, Environ, Parts, Request, code_of
from middleware.cache.replies import gateway_timeout, reply, with_age
from middleware.cache.revalidation import conditions_for, entry_to_update
from middleware.cache.serving import may_serve_after_error
from middleware.cache.validation import is_not_modified, not_modified_headers

_log = logging.getLogger("middleware.cache")

_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
# What stands for an error that may be hidden by a stale response (RFC 5861 section 4).
_ERRORS = frozenset({500, 502, 503, 504})

Write = Callable[[bytes], object]


class Exchange:
    """Calls the application once, and gives the server the body that comes of it.

    The application's `start_response` is noted, and the server's called when the
    cache has decided: at the latest before the first bytes. `stale` is the stored
    response that may stand in for an error; `candidates` are those that the
    application is asked to validate, `by_etag` if the request selects none of them.
    `answers_conditions`: the cache takes the client's conditions on itself.
    """

    def __init__(
        self,
        parts: Parts,
        request: Request,
        start_response: StartResponse,
        *,
        started: int,
        reason: str,
        stale: Entry | None = None,
        candidates: Sequence[Entry] = (),
        by_etag: bool = False,
        flight: Flight | None = None,
        answers_conditions: bool = True,
    ) -> None:
        self._parts = parts
        self._request = request
        self._start_response = start_response
        self._started = started
        self._reason = reason
        self._stale = stale
        self._candidates = candidates
        self._by_etag = by_etag
        self._flight = flight
        self._answers_conditions = answers_conditions
        self._request_time = parts.time()
        self._status: str | None = None
        self._headers: Headers = []
        self._exc_info: Any = None
        # None until the application has returned it, and again when it is closed.
        self._app_body: Iterable[bytes] | None = None
        self._source: Iterator[bytes] | None = None
        self._fill: Fill | None = None
        self._silent = False
        self._write: Write | None = None
        self._replied = False
        self._client: dict[str, str] = {}
        self._conditions: dict[str, str] = {}
        # Without any conditions, for the application that is asked once more.
        self._environ_before: Environ = {}

    # The server's side.

    def run(self) -> Iterable[bytes]:
        """Call the application and give the body; its own where the cache has no part in it."""
        # Only what is known before the call: environ is the application's from then on.
        self._request.environ[STATUS_KEY] = self._parts.status.forward(self._reason)
        self._set_conditions()
        try:
            self._call()
            if self._fill is not None:
                # Its iterator is asked for with the first chunk: who fails then, is closed.
                self._source = self._filling(chain.from_iterable((self._body,)))
        except BaseException as error:
            if not self._stands_in(error):
                self.close()
                raise
        passes = self._replied and self._source is None and self._fill is None
        if passes and not self._conditions and not self._client:
            return self._body
        return self

    def _call(self) -> None:
        self._app_body = self._parts.app(self._request.environ, self._note_start)
        if self._status is not None and not self._replied:
            self._decide()

    @property
    def _body(self) -> Iterable[bytes]:
        """What the application has returned, empty or not: it may have a close()."""
        assert self._app_body is not None  # noqa: S101 - only used after that; for the checker.
        return self._app_body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._source is None:
            self._begin_late()
        assert self._source is not None  # noqa: S101 - _begin_late() sets it; for the checker.
        return next(self._source)

    def close(self) -> None:
        """Close the application's body, unless that is done, and put environ in order."""
        try:
            if isinstance(self._source, FillingBody):
                self._source.close()
            else:
                self._close_app()
        finally:
            self._give_up()

    # The application's side.

    def _note_start(self, status: str, headers: Headers, exc_info: Any = None) -> Write:
        try:
            if self._replied:
                # Too late for us to decide anew; the server knows whether it is too late for it.
                if self._fill is not None:
                    self._fill.abort()
                if self._write is None:
                    return self._write_through  # The client gets another answer than this one.
                write = self._start_response(status, headers, exc_info)
                if isinstance(self._source, FillingBody):
                    self._source.forget_held()
                return write
            if self._status is not None and exc_info is None:
                self._pass_on()  # A second call is an error, which is the server's to report.
                return self._start_response(status, headers)
            self._status, self._headers, self._exc_info = status, list(headers), exc_info
            return self._write_through
        finally:
            exc_info = None

    def _write_through(self, chunk: bytes) -> None:
        """Take bytes from an application that uses the write callable of PEP 3333."""
        if code_of(self._status or "") == 304:
            return  # Without content there is nothing to write.
        if not self._replied:
            self._decide()
        if self._fill is not None:
            self._fill.add(chunk)
        if self._write is not None:
            self._write(chunk)

    def _begin_late(self) -> None:
        """Take the first chunk of an application that starts its response only then."""
        chunks: Iterator[bytes] = chain.from_iterable((self._body,))
        if not self._replied:
            try:
                first = next(chunks, None)
            except BaseException as error:
                if self._stands_in(error):
                    return
                raise
            chunks = chain(() if first is None else (first,), chunks)
            if self._status is not None:
                self._decide()
                if not self._replied:
                    self._begin_late()  # The application was asked again, and is late again.
        if self._source is None:
            self._source = chunks if self._fill is None else self._filling(chunks)

    # Conditions.

    def _set_conditions(self) -> None:
        """Ask about what is stored; a client's own conditions are answered by the cache.

        Unless nothing is stored nor likely to be: then the application answers them.
        """
        environ = self._request.environ
        if self._request.method != "GET":
            return
        self._conditions = conditions_for(self._candidates, by_etag=self._by_etag)
        if not self._conditions and not self._answers_conditions:
            return
        for key in _CONDITIONS:
            if key in environ:
                self._client[key] = environ.pop(key)
        if self._conditions:
            self._environ_before = dict(environ)
            environ.update(self._conditions)

    def _restore_conditions(self) -> None:
        if self._conditions or self._client:
            for key in _CONDITIONS:
                self._request.environ.pop(key, None)
            self._request.environ.update(self._client)
            self._conditions, self._client = {}, {}

    # Decisions.

    def _decide(self) -> None:
        """Decide what becomes of the response."""
        code = code_of(self._status or "")
        if code == 304 and self._conditions:
            self._use_validated()
        elif code in _ERRORS and self._may_use_stale(disconnected=False):
            self._use_stale(code, disconnected=False)
        elif self._request.method == "HEAD":
            if self._stale is not None:
                freshen_by_head(self._parts, self._request, self._stale, self._arrival())
            self._pass_on()
        else:
            self._store_or_pass(code)

    def _use_validated(self) -> None:
        chosen = entry_to_update(self._candidates, self._headers, by_etag=self._by_etag)
        if chosen is None or not chosen.is_at_hand:
            # The 304 names a representation that was not asked about, or one whose bytes the
            # store has lost meanwhile: ask without conditions.
            self._close_app()
            self._ask_again()
            return
        entry, stored = freshen(self._parts, self._request, chosen, self._arrival())
        self._land(reusable=stored and is_reusable(entry, self._parts.time()))
        self._reply_with(entry, status=304, stored=stored)

    def _ask_again(self) -> None:
        self._candidates = ()
        self._status, self._headers = None, []
        # All of it: the application may have moved the path, as dispatchers do.
        self._request.environ.clear()
        self._request.environ.update(self._environ_before)
        self._conditions = {}
        self._call()

    def _store_or_pass(self, code: int) -> None:
        control = control_of(self._headers, self._parts.policy)
        refusal = refusal_of(self._parts, self._request, code, self._headers, control)
        if refusal is not None:
            self._land(reusable=False)
            self._pass_on(refusal)
            return
        self._fill = begin_fill(
            self._parts,
            self._request,
            self._arrival(),
            control,
            self._app_body,
            on_end=lambda reusable: self._land(reusable=reusable),
        )
        self._silent = self._client_has_it(code)
        if self._silent:
            headers = not_modified_headers(self._headers, self._parts.policy.targeted_field)
            self._start("304 Not Modified", headers, fwd_status=code, stored=True)
            self._write = None
        else:
            self._start(self._status or "", self._headers, stored=True)
        if self._fill.expected == 0:
            self._fill.end()

    def _arrival(self) -> Arrival:
        return Arrival(self._status or "", self._headers, self._request_time, self._started)

    def _filling(self, chunks: Iterator[bytes]) -> FillingBody:
        assert self._fill is not None  # noqa: S101 - both callers have looked; for the checker.
        return FillingBody(
            self._body,
            chunks,
            self._fill,
            finish_seconds=self._parts.finish_seconds,
            silent=self._silent,
        )

    def _client_has_it(self, code: int) -> bool:
        """Evaluate the client's conditions, which the application did not see, on a new 200."""
        if code != 200 or not self._client:
            return False
        now = self._parts.time()
        modified = parse_date(value_of(self._headers, "last-modified") or "", now)
        modified_by = date_of(self._headers, now) if modified is None else modified
        return is_not_modified(value_of(self._headers, "etag"), modified_by, self._client, now)

    # Answers.

    def _pass_on(self, detail: str | None = None) -> None:
        """Give the response to the server as it is."""
        self._start(self._status or "", self._headers, detail=detail)

    def _start(
        self,
        status: str,
        headers: Headers,
        *,
        fwd_status: int | None = None,
        stored: bool = False,
        detail: str | None = None,
    ) -> None:
        text = self._parts.status.forward(
            self._reason, status=fwd_status, stored=stored, detail=detail
        )
        headers = self._parts.with_status(headers, text)
        exc_info, self._exc_info = self._exc_info, None
        self._replied = True
        try:
            if exc_info is None:
                write = self._start_response(status, headers)
            else:
                write = self._start_response(status, headers, exc_info)
            self._write = write_nothing if write is None else write
        finally:
            exc_info = None

    def _reply_with(self, entry: Entry, *, status: int | None, stored: bool, **more: Any) -> None:
        """Answer with a stored response in place of the application's."""
        self._close_app()
        now = self._parts.time()
        line, headers, pieces = reply(entry, self._request.fields)
        text = self._parts.status.forward(
            self._reason,
            status=status,
            ttl=int(-entry.staleness(now)),
            stored=stored,
            **more,
        )
        headers = self._parts.with_status(with_age(headers, entry, now), text)
        self._replied = True
        self._exc_info = None
        self._start_response(line, headers)
        self._source = iter(pieces)

    def _stands_in(self, error: BaseException) -> bool:
        """Answer instead of an exception, if a stored response lets the cache do so."""
        disconnected = isinstance(error, self._parts.disconnected)
        if self._replied or self._stale is None or not isinstance(error, Exception):
            return False
        if self._may_use_stale(disconnected=disconnected):
            _log.warning("a stale response stands in for an error", exc_info=error)
            self._use_stale(None, disconnected=disconnected)
            return True
        if disconnected:
            _log.warning("a stored response could not be validated", exc_info=error)
            self._time_out()
        return disconnected

    def _time_out(self) -> None:
        """Answer 504: what is stored needs validation, which is not to be had (5.2.2.2)."""
        self._close_app()
        self._land(reusable=False)
        headers, content = gateway_timeout(
            "The stored response is out of date, and its source cannot be reached.\n"
        )
        self._exc_info = None
        self._start("504 Gateway Timeout", headers, detail="disconnected")
        self._source = iter(() if self._request.method == "HEAD" else (content,))

    def _may_use_stale(self, *, disconnected: bool) -> bool:
        stale = self._stale
        return (
            stale is not None
            and self._parts.store.is_current(stale)
            and may_serve_after_error(
                stale, self._request.asked, self._parts.time(), disconnected=disconnected
            )
        )

    def _use_stale(self, code: int | None, *, disconnected: bool) -> None:
        assert self._stale is not None  # noqa: S101 - _may_use_stale() says so; for the checker.
        if self._flight is not None:
            self._flight.stale_served = True
            self._flight.disconnected = disconnected
        self._land(reusable=False)
        detail = "disconnected" if disconnected else "stale-if-error"
        self._reply_with(self._stale, status=code, stored=False, detail=detail)

    # Ends.

    def _close_app(self) -> None:
        body, self._app_body = self._app_body, None
        if body is not None:
            close_body(body)

    def _give_up(self) -> None:
        """Leave nothing behind: no flight that others wait for, no condition in environ."""
        self._exc_info = None
        if self._fill is not None:
            self._fill.abort()
        self._land(reusable=None)
        self._restore_conditions()

    def _land(self, *, reusable: bool | None) -> None:
        if self._flight is not None:
            self._parts.flights.land(self._flight, reusable=reusable)
