"""Unsafe requests: passed on, while stored responses that they make invalid are dropped."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any
from wsgiref.types import StartResponse

from middleware._fields import value_of
from middleware._wsgi import Headers
from middleware.cache.admission import Arrival, begin_fill, refusal_of
from middleware.cache.environ_query import hides_query
from middleware.cache.filling import Fill, FillingBody
from middleware.cache.freshness import control_of, explicit_lifetime
from middleware.cache.invalidation import dropped_groups, invalidated_uris, is_error, resolve
from middleware.cache.parts import Environ, Parts, Request, code_of


class UnsafeRequest:
    """One unsafe request: drops stored responses as soon as its own response begins.

    At that moment the client cannot know of the change yet, so its next request
    gets the new state (RFC 9111 section 4.4).
    """

    def __init__(
        self, parts: Parts, environ: Environ, uri: str, start_response: StartResponse
    ) -> None:
        self._parts = parts
        self._environ = environ
        # The layers below may change environ, and few responses need more of the request.
        self._asked = environ.copy()
        self._uri = uri
        # What is in no cache by itself may still name groups.
        self._key = parts.keys.of_uri(uri) or uri
        self._start_response = start_response
        self._request_time = parts.time()
        self._fill: Fill | None = None
        self._body: FillingBody | None = None

    def run(self) -> Iterable[bytes]:
        """Call the application and give its body."""
        body = self._parts.app(self._environ, self._start)
        if self._fill is None:
            return body
        # iter() is called with the first chunk, so that a body whose iter() fails is
        # closed like any other.
        chunks = chain.from_iterable((body,))
        self._body = FillingBody(
            body, chunks, self._fill, finish_seconds=self._parts.finish_seconds
        )
        return self._body

    def _start(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        try:
            if self._fill is not None:
                self._fill.abort()  # The response is replaced by another one.
            self._drop(code_of(status), headers)
            if exc_info is not None:
                write = self._start_response(status, headers, exc_info)
                if self._body is not None:
                    self._body.forget_held()
                return write
            self._fill = self._fill_for_get(status, headers)
            write = self._start_response(status, headers)
            return write if self._fill is None else self._storing(write, self._fill)
        finally:
            exc_info = None

    def _drop(self, code: int, headers: Headers) -> None:
        names = list(dropped_groups(self._key, headers))
        if not is_error(code):
            keys = map(self._parts.keys.of_uri, invalidated_uris(self._uri, headers))
            names += [key for key in keys if key is not None]
        if names:
            self._parts.store.drop(names)

    def _fill_for_get(self, status: str, headers: Headers) -> Fill | None:
        """Store the response to a POST if it is what a GET would get.

        It is, if its Content-Location is the URI itself and its lifetime is
        explicit (RFC 9110 section 9.3.3).
        """
        if self._asked["REQUEST_METHOD"] != "POST" or code_of(status) != 200:
            return None
        location = value_of(headers, "content-location")
        if location is None:
            return None
        if hides_query(self._asked, self._key):
            return None  # It may show what the key does not have.
        request = Request(self._asked, self._key, self._parts.vary)
        now = self._parts.time()
        control = control_of(headers, self._parts.policy)
        if (
            resolve(self._uri, location) != self._uri
            or explicit_lifetime(headers, control, now) is None
            or refusal_of(self._parts, request, 200, headers, control) is not None
        ):
            return None
        _, started = self._parts.store.lookup(self._key)
        return begin_fill(
            self._parts,
            request,
            Arrival(status, headers, self._request_time, started),
            control,
            None,
            on_end=lambda _: None,
        )

    def _storing(self, write: Callable[[bytes], object], fill: Fill) -> Callable[[bytes], object]:
        def write_and_store(chunk: bytes) -> None:
            fill.add(chunk)
            write(chunk)

        return write_and_store
