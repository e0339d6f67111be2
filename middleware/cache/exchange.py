"""One request forwarded to the application: the conversation between it and the server."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from wsgiref.types import StartResponse

from middleware._wsgi import Headers, Write, close_body
from middleware.cache.admission import Arrival
from middleware.cache.environ_conditions import Conditions
from middleware.cache.environ_query import KeyedQuery
from middleware.cache.filling import FillingBody
from middleware.cache.outcomes import Outcome, Passed, Replaced
from middleware.cache.parts import STATUS_KEY, Parts, code_of
from middleware.cache.verdict import Inquiry, Judge


class Exchange:
    """Calls the application once, and is the response body if the cache stores or replaces it.

    The application's call of `start_response` is recorded. The server's is called once the outcome
    is decided: at the latest before the first bytes.
    """

    def __init__(self, parts: Parts, inquiry: Inquiry, start_response: StartResponse) -> None:
        self._parts = parts
        self._inquiry = inquiry
        self._environ = inquiry.request.environ
        self._start_response = start_response
        self._conditions = Conditions(
            inquiry.request,
            inquiry.candidates,
            by_etag=inquiry.by_etag,
            answers_client=inquiry.answers_conditions,
        )
        self._query = KeyedQuery(self._environ, inquiry.request.key)
        self._judge = Judge(parts, inquiry, self._conditions)
        # What the application has given so far: its head, and the body that it returned.
        self._arrival: Arrival | None = None
        self._exc_info: Any = None
        self._app_body: Iterable[bytes] | None = None
        # What came of it: None until that is decided.
        self._outcome: Outcome | None = None
        self._stream: Iterator[bytes] | None = None

    # The server's side.

    def run(self) -> Iterable[bytes]:
        """Call the application and return the body: its own if the cache does nothing with it."""
        # Only what is known before the call: environ is the application's from then on.
        self._environ[STATUS_KEY] = self._parts.status.forward(self._inquiry.reason)
        self._query.replace()
        self._conditions.replace()
        try:
            self._call_or_stand_in()
            is_whole = not (self._conditions.are_replaced or self._query.is_replaced)
            if isinstance(self._outcome, Passed) and is_whole:
                return self._body
            if self._outcome is not None:
                # iter() is called with the first chunk, so that a body whose iter() fails is
                # closed like any other.
                chunks = chain.from_iterable((self._body,))
                self._stream = self._outcome.stream(self._body, chunks)
        except BaseException:
            self.close()
            raise
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._stream is None:
            self._stream = self._begin_late()
        return next(self._stream)

    def close(self) -> None:
        """Close the application's body, unless that is done, and restore environ."""
        try:
            if isinstance(self._stream, FillingBody):
                self._stream.close()
            else:
                self._close_app()
        finally:
            self._exc_info = None
            if self._outcome is not None:
                self._outcome.give_up()
            self._judge.land(reusable=None)
            self._conditions.restore()
            self._query.restore()

    # The application's side.

    @property
    def _body(self) -> Iterable[bytes]:
        """The application's body, empty or not: it may have a close(). () once that is closed."""
        return () if self._app_body is None else self._app_body

    def _call(self) -> None:
        self._app_body = self._parts.app(self._environ, self._note_start)
        if self._arrival is not None and self._outcome is None:
            self._decide(self._arrival)

    def _call_or_stand_in(self) -> None:
        try:
            self._call()
        except BaseException as error:
            if not self._stands_in(error):
                raise

    def _begin_late(self) -> Iterator[bytes]:
        """Take the first chunk of an application that starts its response only then."""
        chunks: Iterator[bytes] = chain.from_iterable((self._body,))
        try:
            first = next(chunks, None)
        except BaseException as error:
            if not self._stands_in(error):
                raise
            first = None
        chunks = chain(() if first is None else (first,), chunks)
        if self._outcome is None and self._arrival is not None:
            self._decide(self._arrival)
            if self._outcome is None:
                return self._begin_late()  # The application was asked again, and is late again.
        # Without an outcome, the application never started: the server will complain.
        return chunks if self._outcome is None else self._outcome.stream(self._body, chunks)

    def _note_start(self, status: str, headers: Headers, exc_info: Any = None) -> Write:
        try:
            if self._outcome is None and self._arrival is not None and exc_info is None:
                # A second call is an error, which is the server's to report.
                self._settle(self._judge.passed(self._arrival))
            self._exc_info = exc_info
            if self._outcome is not None:
                write = self._outcome.begin_again(self._start, status, headers)
                self._exc_info = None  # Not every outcome passes it on.
                return write
            inquiry = self._inquiry
            self._arrival = Arrival(status, list(headers), inquiry.request_time, inquiry.started)
            return self._write
        finally:
            exc_info = None

    def _write(self, chunk: bytes) -> None:
        """Take bytes from an application that uses the write callable of PEP 3333."""
        if self._arrival is None or code_of(self._arrival.status) == 304:
            return  # Without content there is nothing to write.
        if self._outcome is None:
            self._decide(self._arrival)
        assert self._outcome is not None  # noqa: S101 - Only a 304 has none; for the checker.
        self._outcome.write(chunk)

    def _close_app(self) -> None:
        body, self._app_body = self._app_body, None
        if body is not None:
            close_body(body)

    # The outcome.

    def _decide(self, arrival: Arrival) -> None:
        outcome = self._judge.decide(arrival, self._app_body)
        if outcome is None:
            self._ask_again()
        else:
            self._settle(outcome)

    def _ask_again(self) -> None:
        """Call the application once more, without the cache's conditions."""
        self._close_app()
        self._arrival = None
        self._conditions.withdraw()
        self._call()

    def _stands_in(self, error: BaseException) -> bool:
        """Answer instead of an exception, if the cache can."""
        outcome = None if self._outcome is not None else self._judge.decide_after_error(error)
        if outcome is None:
            return False
        self._settle(outcome)
        return True

    def _settle(self, outcome: Outcome) -> None:
        """Begin the response."""
        if isinstance(outcome, Replaced):
            self._close_app()
            self._exc_info = None
        self._outcome = outcome
        outcome.begin(self._start)

    def _start(self, status: str, headers: Headers) -> Write:
        """Call the server's `start_response`, with `exc_info` if the application gave any."""
        exc_info, self._exc_info = self._exc_info, None
        try:
            if exc_info is None:
                return self._start_response(status, headers)
            return self._start_response(status, headers, exc_info)
        finally:
            exc_info = None
