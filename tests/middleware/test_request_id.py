from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware.request_id import RequestIDMiddleware
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, answering, serve


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return RequestIDMiddleware(app)


def seen_below(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the names that an application can read."""
    start_response("200 OK", [("Content-Type", HTML)])
    return [f"{environ['middleware.request_id']} {environ['HTTP_X_REQUEST_ID']}".encode()]


def test_new_name_is_in_environ_and_response() -> None:
    done = serve(RequestIDMiddleware(seen_below))
    name = done.header("X-Request-ID")
    assert name is not None
    assert len(name) == 32
    assert done.content == f"{name} {name}".encode()


def test_each_request_has_its_own_name() -> None:
    app = RequestIDMiddleware(seen_below)
    assert serve(app).content != serve(app).content


def test_untrusted_name_is_replaced() -> None:
    done = serve(RequestIDMiddleware(seen_below), headers={"X-Request-ID": "mine"})
    assert b"mine" not in done.content
    assert done.header("X-Request-ID") != "mine"


def test_trusted_name_is_kept() -> None:
    app = RequestIDMiddleware(seen_below, trusted=True)
    done = serve(app, headers={"X-Request-ID": "From-nginx_1.2"})
    assert done.content == b"From-nginx_1.2 From-nginx_1.2"
    assert done.header("X-Request-ID") == "From-nginx_1.2"


@pytest.mark.parametrize("name", ["", "g h", "g\th", "é", "x" * 129, "a,b", 'a"b'])
def test_malformed_name_is_replaced(name: str) -> None:
    app = RequestIDMiddleware(seen_below, trusted=True)
    done = serve(app, environ_overrides={"HTTP_X_REQUEST_ID": name})
    assert done.header("X-Request-ID") != name
    assert name == "" or name.encode("latin-1") not in done.content


def test_missing_trusted_name_is_made() -> None:
    done = serve(RequestIDMiddleware(seen_below, trusted=True))
    assert len(done.header("X-Request-ID") or "") == 32


def test_name_that_the_application_sends_is_replaced() -> None:
    app = answering(headers=[("Content-Type", HTML), ("x-request-id", "other")])
    done = serve(RequestIDMiddleware(app))
    assert done.header_names() == ["content-type", "x-request-id"]
    assert done.header("X-Request-ID") != "other"
