from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware.prerouting import MethodOverride, PreRoutingMiddleware
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, serve

FORM = "application/x-www-form-urlencoded"


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [MethodOverride()])

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        environ = create_environ(method=method, **options)
        if method == "POST":
            environ.update(CONTENT_TYPE=FORM, QUERY_STRING="_method=PUT")
        return environ


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the method, the one before, and the query."""
    start_response("200 OK", [("Content-Type", HTML)])
    original = environ.get("middleware.original_method")
    return [f"{environ['REQUEST_METHOD']} {original} {environ['QUERY_STRING']}".encode()]


def seen(query: str, method: str = "POST", content_type: str = FORM) -> str:
    app = PreRoutingMiddleware(echo, [MethodOverride()])
    done = serve(app, "/", method, query_string=query, content_type=content_type)
    return done.content.decode()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_form_chooses_a_method(method: str) -> None:
    assert seen(f"a=1&_method={method}&b=2") == f"{method} POST a=1&b=2"


@pytest.mark.parametrize(
    "content_type", [f"{FORM}; charset=utf-8", "multipart/form-data; boundary=x"]
)
def test_both_kinds_of_forms_may(content_type: str) -> None:
    assert seen("_method=PUT", content_type=content_type) == "PUT POST "


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "delete", "X", ""])
def test_other_methods_are_not_chosen(method: str) -> None:
    assert seen(f"_method={method}") == f"POST None _method={method}"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_overridden(method: str) -> None:
    assert seen("_method=PATCH", method) == f"{method} None _method=PATCH"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_only_forms_override(content_type: str) -> None:
    assert seen("_method=PUT", content_type=content_type) == "POST None _method=PUT"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "a=_method",
        "x_method=PUT",
        "_method=PUT&_method=DELETE",
        "_method",
        "_method=&_method=PUT",
    ],
)
def test_unclear_choice_is_ignored(query: str) -> None:
    assert seen(query) == f"POST None {query}"


def test_missing_query_is_none() -> None:
    environ = create_environ(method="POST", content_type=FORM)
    del environ["QUERY_STRING"]
    assert MethodOverride().route(environ, echo) is None
    assert environ["REQUEST_METHOD"] == "POST"


def test_safe_method_cannot_be_allowed() -> None:
    with pytest.raises(ValueError, match="only PUT, PATCH, DELETE"):
        MethodOverride(methods=["GET"])
