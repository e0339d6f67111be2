from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from werkzeug.test import create_environ

from middleware.prerouting import PreRoutingMiddleware, Redirect
from tests.middleware.contract import AnswerContract
from tests.middleware.serving import Exchange, answering, serve


class TestAnswer(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Redirect("/", "/new")])


def served(rule: Redirect, path: str, **options: Any) -> Exchange:
    return serve(PreRoutingMiddleware(answering(), [rule]), path, **options)


@pytest.mark.parametrize(
    ("rule", "path", "location"),
    [
        (Redirect("/old", "/new"), "/old", "/new"),
        (Redirect("/old", "/new"), "/old?a=1", "/new?a=1"),
        (Redirect("/old", "/new?b=2"), "/old?a=1", "/new?b=2&a=1"),
        (Redirect("/old", "https://example.org/new"), "/old", "https://example.org/new"),
        (Redirect("/old", "/new", whole=True), "/old", "/new"),
        (Redirect("/old", "/new", whole=True), "/old/", "/new/"),
        (Redirect("/old/", "/new/", whole=True), "/old/a/b?c", "/new/a/b?c"),
        (Redirect("/old", "/", whole=True), "/old/a", "/a"),
        (Redirect("/old", "https://example.org", whole=True), "/old/a", "https://example.org/a"),
        (Redirect("/old", "/new", whole=True), "/old/%C3%A9%20%3F", "/new/%C3%A9%20%3F"),
    ],
)
def test_location(rule: Redirect, path: str, location: str) -> None:
    assert served(rule, path).header("Location") == location


@pytest.mark.parametrize(
    "path", ["//evil.example", "///evil.example", "/\\evil.example", "/\r\nX: y"]
)
@pytest.mark.parametrize("to", ["/", "/new", "https://example.org"])
def test_request_cannot_choose_the_host(path: str, to: str) -> None:
    done = served(
        Redirect("/old", to, whole=True), "/", environ_overrides={"PATH_INFO": "/old" + path}
    )
    location = done.header("Location") or ""
    assert location.startswith(to.rstrip("/") + "/")
    assert not location.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (Redirect("/old", "/new"), "/old/"),
        (Redirect("/old", "/new"), "/old/a"),
        (Redirect("/old", "/new", whole=True), "/older"),
    ],
)
def test_other_path_is_not_redirected(rule: Redirect, path: str) -> None:
    assert served(rule, path).content == b"hello"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (301, "301 Moved Permanently"),
        (302, "302 Found"),
        (303, "303 See Other"),
        (307, "307 Temporary Redirect"),
        (308, "308 Permanent Redirect"),
    ],
)
def test_status(status: int, line: str) -> None:
    assert served(Redirect("/old", "/new", status), "/old").status == line


def test_method_is_kept_unless_said() -> None:
    assert served(Redirect("/old", "/new"), "/old", method="POST").status[:3] == "308"


@pytest.mark.parametrize(
    ("to", "location"), [("/new", "/app/new"), ("https://example.org/", "https://example.org/")]
)
def test_path_is_within_the_application(to: str, location: str) -> None:
    done = served(Redirect("/old", to), "/old", base_url="http://localhost/app")
    assert done.header("Location") == location


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("new", "neither"),
        ("//example.org/new", "neither"),
        ("/new#part", "added"),
        ("/new?a", "added"),
        ("/a\nb", "not a header value"),
    ],
)
def test_bad_target_is_refused(to: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Redirect("/old", to, whole=True)


def test_status_that_is_no_redirect_is_refused() -> None:
    with pytest.raises(KeyError):
        Redirect("/old", "/new", 200)


@pytest.mark.parametrize(
    ("query", "written"),
    [("a=\r\nX: y", "a=%0D%0AX:%20y"), ("a=%zz\xe9", "a=%zz%E9"), ('"{b}|', '"{b}|')],
)
def test_any_query_is_kept(query: str, written: str) -> None:
    environ = create_environ("/old") | {"QUERY_STRING": query}
    app = PreRoutingMiddleware(answering(), [Redirect("/old", "/new")])
    assert Exchange(environ).run(app).header("Location") == f"/new?{written}"


def test_missing_query_is_none() -> None:
    exchange = Exchange()
    del exchange.environ["QUERY_STRING"]
    exchange.run(PreRoutingMiddleware(answering(), [Redirect("/", "/new")]))
    assert exchange.header("Location") == "/new"
