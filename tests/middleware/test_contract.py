"""The contract itself: sound middleware passes, and each mistake is seen by the check for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware._wsgi import Headers, WrappedBody, changing_headers
from middleware.answer import Answer
from tests.middleware.contract import (
    HEADERS,
    AnswerContract,
    Contract,
    GoneError,
    complaints_of_the_collected,
)

Middleware = Callable[[WSGIApplication], WSGIApplication]


class TestUntouched(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return app


class TestWrapped(Contract):
    """Headers changed, body wrapped, both with our own tools."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            added = changing_headers(start_response, lambda _, headers: [*headers, ("X-New", "1")])
            return WrappedBody(app(environ, added))

        return middleware


class TestAnswer(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return Answer("200 OK", "hello")


def failing_checks(contract: type[Any], middleware: Middleware) -> set[str]:
    """Run all checks on a middleware; give the names of those that fail."""

    class Tried(contract):  # type: ignore[misc] # Either of the two.
        def wrap(self, app: WSGIApplication) -> WSGIApplication:
            return middleware(app)

    failed = set()
    with complaints_of_the_collected():
        for name in checks_of(contract):
            check = getattr(Tried(), f"test_{name}")
            for arguments in parameters_of(check):
                try:
                    check(**arguments)
                except (Exception, GoneError, pytest.fail.Exception):
                    failed.add(name)
    return failed


def checks_of(contract: type[Any]) -> set[str]:
    return {name.removeprefix("test_") for name in dir(contract) if name.startswith("test_")}


def parameters_of(check: Any) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(check, "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        yield {}
    for mark in marks:
        for value in mark.args[1]:
            yield {mark.args[0]: value}


def start_changed(change: Callable[..., Any]) -> Middleware:
    """Make a middleware out of what it does instead of calling `start_response`."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
                return change(start_response, status, headers, exc_info)

            return app(environ, start)

        return middleware

    return wrap


def body_changed(change: Callable[[Iterable[bytes]], Iterable[bytes]]) -> Middleware:
    """Make a middleware out of what it does to the body."""
    return lambda app: lambda environ, start_response: change(app(environ, start_response))


def joins(body: Iterable[bytes]) -> Iterable[bytes]:
    content = b"".join(body)
    close = getattr(body, "close", lambda: None)
    close()
    return [content]


def generates(body: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from body
    finally:
        getattr(body, "close", lambda: None)()


class ClosesIterator(WrappedBody):
    def __init__(self, body: Iterable[bytes]) -> None:
        super().__init__(iter(body))


class ClosesTwice(WrappedBody):
    def close(self) -> None:
        super().close()
        getattr(self._body, "close", lambda: None)()


class ReadsAhead(WrappedBody):
    def next_chunk(self) -> bytes:
        chunk = super().next_chunk()
        try:
            return chunk + super().next_chunk()
        except StopIteration:
            return chunk


class ClosesAtError(WrappedBody):
    def next_chunk(self) -> bytes:
        try:
            return super().next_chunk()
        except Exception as error:
            if not isinstance(error, StopIteration):
                getattr(self._body, "close", lambda: None)()
            raise


class Swallows(WrappedBody):
    def next_chunk(self) -> bytes:
        try:
            return super().next_chunk()
        except StopIteration:
            raise
        except BaseException:
            raise StopIteration from None


class SwallowsCloseErrors(WrappedBody):
    def close(self) -> None:
        with suppress(Exception):
            super().close()


def adds_in_place(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    headers.append(("X-New", "1"))
    return start_response(status, headers, exc_info)


def loses_exc_info(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start_response(status, headers)


def calls_by_name(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start_response(status, headers, exc_info=exc_info)


def takes_no_names(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, lambda *arguments: start_response(*arguments))

    return middleware


def keeps_exc_info_in_its_frame(
    start_response: Any, status: str, headers: Headers, exc_info: Any
) -> Any:
    return start_response(status, headers, exc_info)


def loses_write(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    start_response(status, headers, exc_info)


def drops_repeated(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start_response(status, list(dict(headers).items()), exc_info)


def adds_length(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start_response(status, [*headers, ("Content-Length", "5")], exc_info)


def forces_type(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start_response(status, [*headers, ("Content-Type", "text/html")], exc_info)


def strips_304(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start_response(status, [] if status[0] == "3" else headers, exc_info)


def catches_server_errors(start_response: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    try:
        return start_response(status, headers, exc_info)
    except Exception:
        return lambda chunk: None


class KeepsExcInfo:
    """Keep the last `exc_info`, for a report later."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.kept: Any = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            self.kept = exc_info
            return start_response(status, headers, exc_info)

        return self.app(environ, start)


class DecidesOnce:
    """Decide at the first `start_response`, and stay with it at the second."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        first: list[Any] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            first.extend([] if first else [status, headers])
            return start_response(first[0], first[1], exc_info)

        return self.app(environ, start)


class StateOnSelf:
    """Keep the body of the request on the middleware itself."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.body = self.app(environ, start_response)
        return self.run()

    def run(self) -> Iterator[bytes]:
        yield from self.body
        getattr(self.body, "close", lambda: None)()


def waits_for_start(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started: list[Any] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            started[:] = [status, headers]
            return lambda chunk: None

        body = app(environ, start)
        start_response(started[0], started[1])
        return body

    return middleware


def reads_request(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        return app(environ, start_response)

    return middleware


def closes_request(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = list(app(environ, start_response))
        environ["wsgi.input"].close()
        return body

    return middleware


def tries_again(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app(dict(environ), lambda *args: lambda chunk: None)
        return app(environ, start_response)

    return middleware


def reads_environ_after(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("X-Host", environ["HTTP_HOST"])], exc_info)

        return app(environ, start)

    return middleware


def changes_environ_late(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        environ["late"] = True
        return body

    return middleware


def answers_all_errors(app: WSGIApplication) -> WSGIApplication:
    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except BaseException:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"sorry"]

    return middleware


MISTAKES: dict[str, tuple[Middleware, set[str]]] = {
    "the body is joined": (body_changed(joins), {"a_chunk_goes_out_for_each_that_comes"}),
    "the body is replaced and never closed": (
        body_changed(list),
        {"body_is_closed_once", "validator_finds_nothing"},
    ),
    "the body is closed by a generator": (body_changed(generates), {"body_is_closed_once"}),
    "the iterator is closed instead of the body": (
        body_changed(ClosesIterator),
        {"body_is_closed_once", "body_is_closed_once_after_head"},
    ),
    "the body is closed twice": (body_changed(ClosesTwice), {"body_is_closed_once"}),
    "the next chunk is read ahead": (
        body_changed(ReadsAhead),
        {"a_chunk_goes_out_for_each_that_comes"},
    ),
    "the body is closed at an error and again": (
        body_changed(ClosesAtError),
        {"error_in_the_body_reaches_the_server"},
    ),
    "errors in the body are swallowed": (
        body_changed(Swallows),
        {"error_in_the_body_reaches_the_server"},
    ),
    "a chunk is added": (
        body_changed(lambda body: [*body, b"."]),
        {"status_headers_and_content_arrive"},
    ),
    "the body is replaced by another": (
        body_changed(lambda body: WrappedBody([b"x"])),
        {"body_may_be_empty", "body_is_closed_once"},
    ),
    "the header list is changed in place": (
        start_changed(adds_in_place),
        {"header_list_of_the_application_stays_as_it_was"},
    ),
    "exc_info is lost": (
        start_changed(loses_exc_info),
        {"second_start_response_replaces_the_first"},
    ),
    "start_response is called by name": (
        start_changed(calls_by_name),
        {"status_headers_and_content_arrive"},
    ),
    "exc_info has no name": (takes_no_names, {"exc_info_may_be_given_by_name"}),
    "write is lost": (start_changed(loses_write), {"write_comes_before_the_body"}),
    "repeated headers are lost": (
        start_changed(drops_repeated),
        {"repeated_header_stays_repeated"},
    ),
    "a length is added to everything": (
        start_changed(adds_length),
        {"204_has_no_content_and_no_fields_about_it"},
    ),
    "a type is added to everything": (
        start_changed(forces_type),
        {"validator_finds_nothing_without_content"},
    ),
    "304 loses its headers": (start_changed(strips_304), {"304_keeps_its_headers"}),
    "errors of the server are caught": (
        start_changed(catches_server_errors),
        {
            "start_response_after_the_headers_raises",
            "second_start_response_without_exc_info_reaches_the_server",
        },
    ),
    "exc_info is kept": (KeepsExcInfo, {"exc_info_is_not_kept"}),
    "exc_info stays in a frame": (
        start_changed(keeps_exc_info_in_its_frame),
        {"exc_info_is_not_kept_when_the_server_raises"},
    ),
    "the first answer stays": (DecidesOnce, {"second_start_response_replaces_the_first"}),
    "a request is kept on the middleware": (
        StateOnSelf,
        {"two_requests_at_once_stay_apart", "body_is_closed_once"},
    ),
    "start_response is waited for": (
        waits_for_start,
        {"start_response_may_come_with_the_first_chunk", "write_comes_before_the_body"},
    ),
    "the request body is read": (
        reads_request,
        {"request_body_is_readable_below_and_later", "validator_finds_nothing"},
    ),
    "the request body is closed": (closes_request, {"request_body_is_readable_below_and_later"}),
    "the application is called twice": (tries_again, {"application_is_called_once"}),
    "environ is read late": (reads_environ_after, {"application_may_change_environ"}),
    "errors in close are swallowed": (
        body_changed(SwallowsCloseErrors),
        {"error_in_close_reaches_the_server"},
    ),
    "all errors are answered": (
        answers_all_errors,
        {
            "error_in_the_call",
            "error_in_the_call_after_start_response",
            "exit_in_the_call_reaches_the_server",
            "nothing_follows_an_error_after_write",
        },
    ),
    "environ is changed late": (changes_environ_late, {"environ_is_left_alone_after_the_call"}),
}


@pytest.mark.parametrize(("middleware", "checks"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_found(middleware: Middleware, checks: set[str]) -> None:
    assert checks <= failing_checks(Contract, middleware)


def answer_with(headers: Headers, body: bytes = b"hello") -> Middleware:
    """Make a middleware that answers all by itself, from one list of headers."""

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [body]

    return lambda app: middleware


MISTAKES_IN_ANSWERS: dict[str, tuple[Middleware, set[str]]] = {
    "HEAD gets content": (answer_with([*HEADERS]), {"head_has_the_headers_and_no_content"}),
    "the list is shared": (answer_with([*HEADERS]), {"answer_is_the_same_again"}),
    "the length is wrong": (
        answer_with([*HEADERS, ("Content-Length", "9")]),
        {"content_length_is_true"},
    ),
    "the application is called": (lambda app: app, {"application_is_not_called"}),
    "the request body is read": (reads_request, {"request_body_is_left_alone"}),
    "there is no type": (answer_with([]), {"validator_finds_nothing"}),
}


@pytest.mark.parametrize(
    ("middleware", "checks"), MISTAKES_IN_ANSWERS.values(), ids=MISTAKES_IN_ANSWERS
)
def test_mistake_in_an_answer_is_found(middleware: Middleware, checks: set[str]) -> None:
    assert checks <= failing_checks(AnswerContract, middleware)


@pytest.mark.parametrize(
    ("contract", "mistakes"), [(Contract, MISTAKES), (AnswerContract, MISTAKES_IN_ANSWERS)]
)
def test_every_check_can_fail(
    contract: type[Any], mistakes: dict[str, tuple[Middleware, set[str]]]
) -> None:
    found = set().union(*(failing_checks(contract, wrap) for wrap, _ in mistakes.values()))
    assert checks_of(contract) - found == set()


def test_cleanup_is_asked_for_after_errors() -> None:
    asked = []

    class Counting(Contract):
        def wrap(self, app: WSGIApplication) -> WSGIApplication:
            return app

        def check_released(self) -> None:
            asked.append(True)

    contract = Counting()
    contract.test_error_in_the_call("when sent")
    contract.test_error_before_the_first_chunk("when sent")
    assert len(asked) == 2


def test_check_overridden_by_its_docstring_is_refused() -> None:
    with pytest.raises(TypeError, match="test_body_is_closed_once_after_head checks nothing"):

        class Lenient(Contract):
            def test_body_is_closed_once_after_head(self) -> None:
                """This one differs."""
