from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from flask import Flask
from werkzeug.test import Client

from middleware.answer import Answer
from middleware.error_boundary import ErrorBoundaryMiddleware
from tests.middleware.contract import Contract
from tests.middleware.serving import (
    HTML,
    BrokenError,
    Exchange,
    TrackedBody,
    answering,
    serve,
    without_write,
)

QUIET = logging.Logger("quiet", logging.CRITICAL)


class TestContract(Contract):
    answers_errors = True
    # Where that fails the answer is another, which no server could be told later.
    taken_before = 1

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return ErrorBoundaryMiddleware(app, logger=QUIET)


def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise BrokenError("the cause")


def failing_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", HTML), ("X-Lost", "yes")])
    raise BrokenError("the cause")
    yield b""


def page(environ: WSGIEnvironment) -> Answer:
    return Answer("500 Oh No", f"<p>{environ['middleware.request_id']}", content_type=HTML)


@pytest.mark.parametrize("app", [failing, failing_late])
def test_page_replaces_the_answer(app: WSGIApplication) -> None:
    wrapped = ErrorBoundaryMiddleware(app, page=page, logger=QUIET)
    done = serve(wrapped, environ_overrides={"middleware.request_id": "abc"})
    assert (done.status, done.content) == ("500 Oh No", b"<p>abc")
    assert done.header_names() == ["content-length", "content-type"]


def test_default_page_tells_nothing() -> None:
    done = serve(ErrorBoundaryMiddleware(failing, logger=QUIET))
    assert done.status == "500 Internal Server Error"
    assert b"the cause" not in done.content
    assert done.header("Cache-Control") == "no-store"


@pytest.mark.parametrize("app", [failing, failing_late])
def test_head_has_no_page(app: WSGIApplication) -> None:
    done = serve(ErrorBoundaryMiddleware(app, logger=QUIET), method="HEAD")
    assert (done.status[:3], done.content) == ("500", b"")


@pytest.mark.parametrize("app", [failing, failing_late])
def test_head_that_became_get_below_has_no_page(
    app: WSGIApplication, caplog: pytest.LogCaptureFixture
) -> None:
    def as_get(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["REQUEST_METHOD"] = "GET"
        return app(environ, start_response)

    assert serve(ErrorBoundaryMiddleware(as_get), method="HEAD").content == b""
    assert "failed: HEAD /" in caplog.text


@pytest.mark.parametrize("app", [failing, failing_late])
def test_werkzeugs_test_client_gets_the_page(app: WSGIApplication) -> None:
    response = Client(ErrorBoundaryMiddleware(app, page=page, logger=QUIET)).get(
        "/", environ_overrides={"middleware.request_id": "abc"}
    )
    assert (response.status, response.text) == ("500 Oh No", "<p>abc")


def test_flasks_test_client_gets_the_page() -> None:
    flask = Flask("one")
    flask.config["PROPAGATE_EXCEPTIONS"] = True
    flask.add_url_rule("/", view_func=lambda: str(1 // 0))
    flask.wsgi_app = ErrorBoundaryMiddleware(flask.wsgi_app, logger=QUIET)  # type: ignore[method-assign]
    assert flask.test_client().get("/").status_code == 500


def test_headers_that_the_server_refuses_are_an_error_of_the_application() -> None:
    for body in ([b"hello"], iter([b"hello"]), iter(())):
        app = answering(body, headers=[("Content-Type", "text/plain\r\nX-Forged: yes")])
        done = serve(ErrorBoundaryMiddleware(app, logger=QUIET))
        assert (done.status[:3], len(done.starts)) == ("500", 1)


def test_body_is_closed_that_fails_for_good_before_the_server_has_it() -> None:
    body = TrackedBody(error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Exchange().call(ErrorBoundaryMiddleware(answering(body)))
    assert body.closes == 1


def test_server_that_reads_the_status_early_gets_the_right_one() -> None:
    # As Granian does: when the application returns.
    for body in (TrackedBody(b"one"), TrackedBody(), TrackedBody(error=BrokenError())):
        exchange = Exchange().call(ErrorBoundaryMiddleware(answering(body), logger=QUIET))
        assert exchange.status[:3] == ("500" if body.error else "200")
        exchange.close()


def test_server_hears_of_a_switch_of_protocols_at_once() -> None:
    exchange = Exchange()
    body = iter([b""])
    exchange.call(ErrorBoundaryMiddleware(answering(body, "101 Switching Protocols", [])))
    assert exchange.status == "101 Switching Protocols"


def test_error_after_the_first_chunk_is_logged_and_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = TrackedBody(b"one,", error=BrokenError())
    with pytest.raises(BrokenError):
        serve(ErrorBoundaryMiddleware(answering(body)))
    assert len(caplog.records) == 1
    assert body.closes == 1


def test_error_after_an_empty_chunk_is_raised() -> None:
    # Most servers have sent the headers with it, and Granian would send the page as a 200.
    body = TrackedBody(b"", error=BrokenError())
    with pytest.raises(BrokenError):
        Exchange(raises="never").run(ErrorBoundaryMiddleware(answering(body), logger=QUIET))
    assert body.closes == 1


def replacing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", HTML)])
    try:
        raise BrokenError
    except BrokenError:
        start_response("503 Later", [("Content-Type", "text/plain")], sys.exc_info())
    yield b"later"


def test_answer_that_the_application_replaces_is_the_first_that_the_server_hears_of() -> None:
    done = Exchange(raises="always").run(ErrorBoundaryMiddleware(replacing, logger=QUIET))
    assert (done.starts, done.content) == (
        [("503 Later", [("Content-Type", "text/plain")])],
        b"later",
    )


def test_server_without_write_gets_the_page() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])(b"one,")
        return [b"two"]

    done = Exchange(raises="never").run(without_write(ErrorBoundaryMiddleware(app, logger=QUIET)))
    assert (done.status[:3], done.content[:9]) == ("500", b"Something")


def test_error_is_logged_with_request_and_traceback(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"middleware.request_id": "abc", "PATH_INFO": "/x\nforged"}
    serve(ErrorBoundaryMiddleware(failing), environ_overrides=environ)
    (record,) = caplog.records
    assert record.getMessage() == "Request abc failed: GET /x%0Aforged"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the cause"


def test_failing_page_is_logged_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    def broken_page(environ: WSGIEnvironment) -> Answer:
        raise KeyError("page")

    done = serve(ErrorBoundaryMiddleware(failing, page=broken_page))
    assert done.content.startswith(b"Something went wrong")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [
        BrokenError,
        KeyError,
    ]


def test_list_is_passed_as_it_is() -> None:
    body = [b"hello"]
    assert Exchange().call(ErrorBoundaryMiddleware(answering(body))).body is body


@pytest.mark.parametrize("body", [[b"hello"], (b"hello",)], ids=["list", "tuple"])
def test_what_cannot_fail_is_not_wrapped(body: Iterable[bytes]) -> None:
    assert Exchange().call(ErrorBoundaryMiddleware(answering(body))).body is body
