"""What every middleware must hold, beyond what `wsgiref.validate` sees.

Apply it by inheriting, once for each way through the middleware::

    class TestContract(Contract):
        def wrap(self, app):
            return RequestIDMiddleware(app)

`Contract` is for requests that reach the application, `AnswerContract` for those that the
middleware answers by itself. Where a middleware differs on purpose, override what `Hooks` and
`answers_errors` say of it, or write the one check anew, and say why. A check that does not apply is
marked `pytest.mark.skip(reason=...)`: one overridden by nothing would pass, and say nothing.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.validate import validator

import pytest
from werkzeug.test import create_environ

from middleware._wsgi import ExcInfo, Headers, Write
from tests.middleware.serving import (
    HTML,
    BrokenError,
    Exchange,
    ProtocolError,
    TrackedBody,
    answering,
)

HEADERS: Headers = [("Content-Type", HTML), ("X-Kept", "yes")]
# What a 304 has to carry on (RFC 9110 section 15.4.5).
NOT_MODIFIED: Headers = [
    ("Cache-Control", "max-age=60"),
    ("Content-Location", "/here"),
    ("Date", "Sat, 21 Nov 2026 10:00:00 GMT"),
    ("ETag", '"one"'),
    ("Expires", "Sat, 21 Nov 2026 10:01:00 GMT"),
    ("Vary", "Accept"),
]


class GoneError(BaseException):
    """Like gevent's `GreenletExit` and `Timeout`: not for `except Exception`."""


def nothing() -> None:
    """Do what a check does that has a docstring alone."""


class Hooks:
    """What a test class says of its middleware."""

    def __init_subclass__(cls) -> None:
        for name, check in vars(cls).items():
            if name.startswith("test_") and check.__code__.co_code == nothing.__code__.co_code:
                raise TypeError(f"{cls.__name__}.{name} checks nothing: skip it, with the reason")

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        """Put the middleware around an application."""
        raise NotImplementedError

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        """Make a request that takes the way through the middleware that this class is for."""
        return create_environ(method=method, **options)

    def expected(self, content: bytes) -> bytes:
        """Say what the middleware makes of this content."""
        return content

    def environ_at_the_end(self, at_the_call: WSGIEnvironment) -> WSGIEnvironment:
        """Say what environ is when the body is closed: as the application got it."""
        return at_the_call

    def check_released(self) -> None:
        """Check after each exchange, however it ended, that the middleware cleaned up."""


class Contract(Hooks):
    """The checks for a request that reaches the application."""

    # Whether an error before the headers becomes a 500 here instead of reaching the server.
    answers_errors = False
    # How many chunks it takes before the server asks for one, and why is said where it is set.
    taken_before = 0

    def exchange(self, app: WSGIApplication, method: str = "GET", **options: Any) -> Exchange:
        done = Exchange(self.environ(method, **options)).run(self.wrap(app))
        self.check_released()
        return done

    # Headers and status.

    def test_status_headers_and_content_arrive(self) -> None:
        done = self.exchange(answering([b"hello"], "299 Odd But Fine", HEADERS))
        assert done.status == "299 Odd But Fine"
        assert ("X-Kept", "yes") in done.headers
        assert done.content == self.expected(b"hello")

    def test_header_list_of_the_application_stays_as_it_was(self) -> None:
        kept = list(HEADERS)
        names = [self.exchange(answering(headers=kept)).header_names() for _ in range(2)]
        assert kept == HEADERS
        assert names[0] == names[1]

    def test_repeated_header_stays_repeated(self) -> None:
        cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        done = self.exchange(answering(headers=[*HEADERS, *cookies]))
        assert [item for item in done.headers if item in cookies] == cookies

    def test_head_has_the_headers_of_get_and_no_content(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [*HEADERS, ("Content-Length", "5")])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello"]

        head, get = self.exchange(app, "HEAD"), self.exchange(app)
        assert head.content == b""
        assert head.header_names() == get.header_names()

    def test_204_has_no_content_and_no_fields_about_it(self) -> None:
        done = self.exchange(answering([], "204 No Content", []))
        assert done.content == b""
        assert {"content-type", "content-length"}.isdisjoint(done.header_names())

    def test_304_keeps_its_headers(self) -> None:
        done = self.exchange(answering([], "304 Not Modified", list(NOT_MODIFIED)))
        assert done.content == b""
        assert {name.lower() for name, _ in NOT_MODIFIED} <= set(done.header_names())
        assert {"content-type", "content-length"}.isdisjoint(done.header_names())

    def test_content_length_is_true(self) -> None:
        done = self.exchange(answering([b"hello"], headers=[*HEADERS, ("Content-Length", "5")]))
        assert done.header("Content-Length") in {None, str(len(done.content))}

    # start_response called again, late, and wrongly.

    def test_second_start_response_replaces_the_first(self) -> None:
        error = BrokenError()
        again, once = (
            self.exchange(starting(*calls))
            for calls in (
                (("200 OK", [*HEADERS, ("X-First", "1")], None), ("500 Error", HEADERS, error)),
                (("500 Error", HEADERS, None),),
            )
        )
        assert again.status == "500 Error"
        assert again.header_names() == once.header_names()
        # Whoever answers errors holds back what has not begun, and needs no server for this.
        assert again.errors == ([] if self.answers_errors else [error])

    def test_second_start_response_without_exc_info_reaches_the_server(self) -> None:
        exchange = Exchange(self.environ())
        app = self.wrap(starting(("200 OK", HEADERS, None), ("200 OK", HEADERS, None)))
        if self.answers_errors:
            assert exchange.run(app).status.startswith("500")
        else:
            with pytest.raises(ProtocolError, match="again"):
                exchange.run(app)
        self.check_released()

    def test_exc_info_may_be_given_by_name(self) -> None:
        # PEP 3333 asks for its place; servers take the name too, so applications use it.
        def app(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
            start_response("201 Created", list(HEADERS), exc_info=None)
            return [b"hello"]

        wrapped = self.wrap(app)

        def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
                return start_response(status, headers, exc_info)

            return wrapped(environ, start)

        assert Exchange(self.environ()).run(served).status == "201 Created"
        self.check_released()

    def test_start_response_after_the_headers_raises(self) -> None:
        error = BrokenError()

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", list(HEADERS))
            yield b"hello"
            call_with_error(start_response, "500 Error", HEADERS, error)

        with pytest.raises(BrokenError) as caught:
            self.exchange(app)
        assert caught.value is error
        self.check_released()

    def test_start_response_may_come_with_the_first_chunk(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            start_response("201 Created", list(HEADERS))
            yield b"hello"

        exchange = Exchange(self.environ()).call(self.wrap(app))
        assert len(exchange.starts) == self.taken_before
        while exchange.step():
            pass
        exchange.close()
        assert (exchange.status, exchange.content) == ("201 Created", self.expected(b"hello"))
        self.check_released()

    def test_exc_info_is_not_kept(self) -> None:
        class Marker:
            pass

        kept: list[weakref.ref[Marker]] = []

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            marker = Marker()
            kept.append(weakref.ref(marker))
            try:
                raise BrokenError
            except BrokenError:
                start_response("500 Error", list(HEADERS), sys.exc_info())
            return [b"sorry"]

        assert self.everything_goes_after(app, kept)
        self.check_released()

    def test_exc_info_is_not_kept_when_the_server_raises(self) -> None:
        class Marker:
            pass

        kept: list[weakref.ref[Marker]] = []

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", list(HEADERS))
            yield b"hello"
            marker = Marker()
            kept.append(weakref.ref(marker))
            try:
                raise BrokenError
            except BrokenError:
                start_response("500 Error", list(HEADERS), sys.exc_info())

        assert self.everything_goes_after(app, kept)
        self.check_released()

    def everything_goes_after(self, app: WSGIApplication, kept: list[weakref.ref[Any]]) -> bool:
        """Run an exchange, and say whether no cycle holds what the application made."""
        gc.disable()
        try:
            exchange = Exchange(self.environ())
            with suppress(BrokenError):
                exchange.run(self.wrap(app))
            exchange.errors.clear()
            del exchange
            return kept[0]() is None
        finally:
            gc.enable()

    # Bodies.

    @pytest.mark.parametrize(
        "kind", [list, tuple, iter, TrackedBody], ids=lambda kind: kind.__name__
    )
    def test_body_may_be_any_iterable(self, kind: Any) -> None:
        chunks = (b"one,", b"two")
        body = TrackedBody(*chunks) if kind is TrackedBody else kind(chunks)
        assert self.exchange(answering(body)).content == self.expected(b"one,two")

    @pytest.mark.parametrize(
        "body", [[], iter(()), TrackedBody()], ids=["list", "iterator", "object"]
    )
    def test_body_may_be_empty(self, body: Iterable[bytes]) -> None:
        assert self.exchange(answering(body)).content == self.expected(b"")

    def test_write_comes_before_the_body(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            write = start_response("200 OK", list(HEADERS))
            write(b"one,")
            return [b"two"]

        assert self.exchange(app).content == self.expected(b"one,two")

    def test_a_chunk_goes_out_for_each_that_comes(self) -> None:
        body = TrackedBody(b"one,", b"", b"two,", b"three")
        exchange = Exchange(self.environ()).call(self.wrap(answering(body)))
        assert body.pulled == self.taken_before, "nothing is read before the server asks"
        steps = 0
        while exchange.step():
            steps += 1
            assert body.pulled <= max(steps, self.taken_before), "nothing is read ahead"
        exchange.close()
        assert steps >= len(body.chunks)

    @pytest.mark.parametrize("chunks", [None, 1, 0], ids=["full", "partial", "none"])
    def test_body_is_closed_once(self, chunks: int | None) -> None:
        body = TrackedBody(b"one,", b"two")
        Exchange(self.environ()).run(self.wrap(answering(body)), chunks=chunks)
        assert (body.closes, body.iterator_closes) == (1, 0)
        self.check_released()

    def test_body_is_closed_once_after_head(self) -> None:
        body = TrackedBody()
        self.exchange(answering(body), "HEAD")
        assert (body.closes, body.iterator_closes) == (1, 0)

    # Errors.

    @pytest.mark.parametrize("error", [BrokenError(), GoneError()], ids=["error", "exit"])
    def test_error_in_the_body_reaches_the_server(self, error: BaseException) -> None:
        body = TrackedBody(b"one,", error=error)
        with pytest.raises(type(error)) as caught:
            self.exchange(answering(body))
        assert caught.value is error
        assert (body.closes, body.iterator_closes) == (1, 0)
        self.check_released()

    @pytest.mark.parametrize("raises", ["when sent", "always", "never"])
    def test_error_before_the_first_chunk(self, raises: Any) -> None:
        body = TrackedBody(error=BrokenError())
        exchange = Exchange(self.environ(), raises)
        self.expect_failure(exchange, answering(body))
        assert (body.closes, body.iterator_closes) == (1, 0)

    @pytest.mark.parametrize("raises", ["when sent", "always", "never"])
    def test_error_in_the_call(self, raises: Any) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            raise BrokenError

        self.expect_failure(Exchange(self.environ(), raises), app)

    @pytest.mark.parametrize("raises", ["when sent", "always", "never"])
    def test_error_in_the_call_after_start_response(self, raises: Any) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", list(HEADERS))
            raise BrokenError

        self.expect_failure(Exchange(self.environ(), raises), app)

    # Whatever a server makes of exc_info, the client must see that the body is not whole.

    @pytest.mark.parametrize("raises", ["when sent", "never"])
    def test_nothing_follows_an_error_after_the_first_chunk(self, raises: Any) -> None:
        body = TrackedBody(b"one,", error=BrokenError())
        self.expect_a_broken_body(Exchange(self.environ(), raises), answering(body))

    @pytest.mark.parametrize("raises", ["when sent", "never"])
    def test_nothing_follows_an_error_after_write(self, raises: Any) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", list(HEADERS))(b"one,")
            raise BrokenError

        self.expect_a_broken_body(Exchange(self.environ(), raises), app)

    def expect_a_broken_body(self, exchange: Exchange, app: WSGIApplication) -> None:
        with pytest.raises(BrokenError):
            exchange.run(self.wrap(app))
        assert [status for status, _ in exchange.starts] in ([], ["200 OK"])
        assert len(exchange.chunks) <= 1
        self.check_released()

    def test_exit_in_the_call_reaches_the_server(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            raise GoneError

        with pytest.raises(GoneError):
            self.exchange(app)
        self.check_released()

    def test_error_in_close_reaches_the_server(self) -> None:
        class Body(TrackedBody):
            def close(self) -> None:
                raise BrokenError

        with pytest.raises(BrokenError):
            self.exchange(answering(Body(b"one")))
        self.check_released()

    def expect_failure(self, exchange: Exchange, app: WSGIApplication) -> None:
        """Run an exchange that breaks before its headers are sent."""
        if self.answers_errors:
            exchange.run(self.wrap(app))
            assert exchange.status.startswith("500")
        else:
            with pytest.raises(BrokenError):
                exchange.run(self.wrap(app))
        # Nothing was sent, so no server need be told that something is replaced.
        assert exchange.errors == []
        self.check_released()

    # The request.

    def test_request_body_is_readable_below_and_later(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", list(HEADERS))
            yield environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))

        environ = self.environ("POST", data=b"a=1&b=2", content_type="text/plain")
        stream = environ["wsgi.input"]
        done = Exchange(environ).run(self.wrap(app))
        assert done.content == self.expected(b"a=1&b=2")
        assert not stream.closed
        self.check_released()

    def test_application_is_called_once(self) -> None:
        calls = []

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            calls.append(environ)
            return answering()(environ, start_response)

        self.exchange(app)
        assert len(calls) == 1
        assert type(calls[0]) is dict

    def test_application_may_change_environ(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ.update(SCRIPT_NAME="/x", PATH_INFO="/y", REQUEST_METHOD="DELETE")
            environ.pop("HTTP_HOST", None)
            return answering()(environ, start_response)

        changed, unchanged = self.exchange(app), self.exchange(answering())
        assert changed.header_names() == unchanged.header_names()
        assert changed.content == unchanged.content

    def test_environ_is_left_alone_after_the_call(self) -> None:
        # The application may read it until its body is closed.
        seen: list[WSGIEnvironment] = []

        class Reading(TrackedBody):
            def __iter__(self) -> Iterator[bytes]:
                seen.append(dict(environ))
                return super().__iter__()

            def close(self) -> None:
                seen.append(dict(environ))

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            seen.append(dict(environ))
            return answering(Reading(b"hello"))(environ, start_response)

        environ = self.environ()
        Exchange(environ).run(self.wrap(app))
        at_the_call, *later = seen
        assert later == [at_the_call, at_the_call]
        assert environ == self.environ_at_the_end(at_the_call)
        self.check_released()

    def test_two_requests_at_once_stay_apart(self) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            query = environ["QUERY_STRING"]
            start_response("200 OK", [*HEADERS, ("X-Query", query)])
            yield query.encode()
            yield query.encode()

        wrapped = self.wrap(app)
        pair = [Exchange(self.environ(query_string=query)) for query in ("q=a", "q=b")]
        for exchange in pair:
            exchange.call(wrapped)
        while [exchange for exchange in pair if exchange.step()]:
            pass
        for exchange, query in zip(pair, ("q=a", "q=b"), strict=True):
            exchange.close()
            assert exchange.header("X-Query") == query
            assert exchange.content == self.expected(2 * query.encode())
        self.check_released()

    # The standard library's own checks, on both sides: only the inner one sees a lost close().

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    def test_validator_finds_nothing(self, method: str) -> None:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", list(HEADERS))
            return [] if method == "HEAD" else [b"hello"]

        with nothing_left_unclosed():
            Exchange(self.environ(method)).run(validator(self.wrap(validator(app))))
        self.check_released()

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
    def test_validator_finds_nothing_without_content(self, status: str) -> None:
        with nothing_left_unclosed():
            Exchange(self.environ()).run(validator(self.wrap(validator(answering([], status, [])))))
        self.check_released()

    def test_validator_finds_nothing_when_the_client_goes(self) -> None:
        body = TrackedBody(b"one,", b"two")
        with nothing_left_unclosed():
            app = validator(self.wrap(validator(answering(body))))
            Exchange(self.environ()).run(app, chunks=1)
        self.check_released()


class AnswerContract(Hooks):
    """The checks for a request that the middleware answers by itself."""

    def test_application_is_not_called(self) -> None:
        assert self.answer().status

    def test_answer_is_the_same_again(self) -> None:
        def clearing(status: str, headers: Headers, exc_info: object = None, /) -> Write:
            headers.clear()  # A server may change the list that it gets.
            return lambda chunk: None

        wrapped = self.wrap(unreachable)
        names = Exchange(self.environ()).run(wrapped).header_names()
        wrapped(self.environ(), clearing)
        assert Exchange(self.environ()).run(wrapped).header_names() == names

    def test_content_length_is_true(self) -> None:
        done = self.answer()
        assert done.header("Content-Length") == str(len(done.content))

    def test_head_has_the_headers_and_no_content(self) -> None:
        get = self.answer()
        environ = self.environ()
        environ["REQUEST_METHOD"] = "HEAD"
        head = Exchange(environ).run(self.wrap(unreachable))
        if head.status == get.status:
            assert head.header_names() == get.header_names()
        assert head.content == b""

    def test_request_body_is_left_alone(self) -> None:
        environ = self.environ()
        Exchange(environ).run(self.wrap(unreachable))
        assert environ["wsgi.input"].tell() == 0
        assert not environ["wsgi.input"].closed

    def test_validator_finds_nothing(self) -> None:
        with nothing_left_unclosed():
            Exchange(self.environ()).run(validator(self.wrap(unreachable)))

    def answer(self) -> Exchange:
        done = Exchange(self.environ()).run(self.wrap(unreachable))
        self.check_released()
        assert len(done.starts) == 1
        return done


def unreachable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("the middleware was to answer this by itself")


def starting(*calls: tuple[str, Headers, BaseException | None]) -> WSGIApplication:
    """Make an application that calls `start_response` so, in this order."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for status, headers, error in calls:
            if error is None:
                start_response(status, list(headers))
            else:
                call_with_error(start_response, status, headers, error)
        return [b"hello"]

    return app


def call_with_error(
    start_response: StartResponse, status: str, headers: Headers, error: BaseException
) -> None:
    try:
        raise error
    except BaseException:
        start_response(status, list(headers), sys.exc_info())


@contextmanager
def complaints_of_the_collected() -> Iterator[list[str]]:
    """List what objects complain of while they are collected, as the validator's iterators do."""
    complaints: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: complaints.append(repr(unraisable.exc_value))
    try:
        yield complaints
        gc.collect(1)  # What a check made is in the young generations.
    finally:
        sys.unraisablehook = hook


@contextmanager
def nothing_left_unclosed() -> Iterator[None]:
    with complaints_of_the_collected() as complaints:
        yield
    assert complaints == []
