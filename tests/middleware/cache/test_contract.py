"""The cache in the suite that every middleware here has to pass, on each way through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug.test import create_environ

from middleware._wsgi import changing_headers
from middleware.cache import HTTPCacheMiddleware
from tests.middleware.cache.around import Origin, fresh
from tests.middleware.contract import HEADERS, AnswerContract, Contract, call_with_error
from tests.middleware.serving import BrokenError, Exchange


class TestNotStored(Contract):
    """Responses without freshness pass through."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return HTTPCacheMiddleware(app)


class TestStored(Contract):
    """Responses that are stored as they pass."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        def lasting(environ: WSGIEnvironment, start_response: Any) -> Any:
            added = [("Cache-Control", "max-age=60")]
            return app(environ, changing_headers(start_response, lambda _, have: have + added))

        return HTTPCacheMiddleware(lasting)

    def test_start_response_after_the_headers_raises(self) -> None:
        """The chunk was held back, so nothing is sent yet: the error page replaces it."""

        def app(environ: WSGIEnvironment, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", list(HEADERS))
            yield b"hello"
            call_with_error(start_response, "500 Error", HEADERS, BrokenError())
            yield b"sorry"

        done = self.exchange(app)
        assert (done.status, done.content) == ("500 Error", b"sorry")


class TestConditional(Contract):
    """The client's conditions are taken out and answered by the cache."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return HTTPCacheMiddleware(app)

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        return create_environ(method=method, headers={"If-None-Match": '"other"'}, **options)

    def environ_at_the_end(self, at_the_call: WSGIEnvironment) -> WSGIEnvironment:
        # The client's condition comes back, for the layers above the cache.
        return at_the_call | {"HTTP_IF_NONE_MATCH": '"other"'}


class TestUnsafe(Contract):
    """Requests that may change something."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return HTTPCacheMiddleware(app, send_status=False)  # For the check that compares with HEAD.

    def environ(self, method: str = "POST", **options: Any) -> WSGIEnvironment:
        return create_environ(method="POST" if method == "GET" else method, **options)


class TestHit(AnswerContract):
    """Answers from the store."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        app_once = fresh(etag='"a"')
        cache = HTTPCacheMiddleware(lambda *args: app_once(*args) if stored else app(*args))
        stored = [True]
        Exchange(create_environ()).run(cache)
        stored.clear()
        return cache


class TestOnlyIfCached(AnswerContract):
    """The 504 where nothing is stored."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return HTTPCacheMiddleware(app)

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        return create_environ(method=method, headers={"Cache-Control": "only-if-cached"})


class TestValidated(Contract):
    """A stored response that the application has to be asked about."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        first = Origin(cache_control="max-age=0", etag='"a"')
        answering_first = [True]
        cache = HTTPCacheMiddleware(lambda *args: first(*args) if answering_first else app(*args))
        for query in ("", "q=a", "q=b"):
            Exchange(create_environ(query_string=query)).run(cache)
        answering_first.clear()
        return cache

    def environ_at_the_end(self, at_the_call: WSGIEnvironment) -> WSGIEnvironment:
        # The cache's own condition is nobody else's business.
        return {key: value for key, value in at_the_call.items() if key != "HTTP_IF_NONE_MATCH"}
