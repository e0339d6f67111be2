from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware._wsgi import Headers
from middleware.headers import (
    HeaderRule,
    HeadersMiddleware,
    add_header,
    default_header,
    remove_header,
    rewrite_header,
    set_header,
)
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, Exchange, answering, serve


def is_post(environ: WSGIEnvironment) -> bool:
    return bool(environ["REQUEST_METHOD"] == "POST")


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return HeadersMiddleware(
            app,
            request=[set_header("X-In", "1"), remove_header("Cookie", is_post)],
            response=[
                set_header("X-Out", "1"),
                set_header("Content-Type", HTML),
                add_header("X-More", "2", is_post),
            ],
        )


class TestContractWithoutRules(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return HeadersMiddleware(app)


def answer_of(rule: HeaderRule, headers: Headers, method: str = "GET") -> Headers:
    """Return the lines of X that a rule makes of those that an application sends."""
    app = answering(headers=[("Content-Type", HTML), *headers])
    done = serve(HeadersMiddleware(app, response=[rule]), method=method)
    return [item for item in done.headers if item[0].lower() == "x"]


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (set_header("X", "new"), [("x", "1"), ("X", "2")], [("X", "new")]),
        (set_header("X", "new"), [], [("X", "new")]),
        (default_header("X", "new"), [("x", "1")], [("x", "1")]),
        (default_header("X", "new"), [], [("X", "new")]),
        (add_header("X", "new"), [("X", "1")], [("X", "1"), ("X", "new")]),
        (remove_header("X"), [("x", "1"), ("X", "2")], []),
        (rewrite_header("X", str.upper), [("x", "a"), ("X", "b")], [("x", "A"), ("X", "B")]),
    ],
    ids=["set", "set new", "default", "default new", "add", "remove", "rewrite"],
)
def test_response_header_is_changed(rule: HeaderRule, before: Headers, after: Headers) -> None:
    assert answer_of(rule, before) == after


def request_seen(rule: HeaderRule, key: str, **environ: str) -> str | None:
    """Return what the application finds in environ under a key."""
    seen: list[str | None] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ.get(key))
        return answering()(environ, start_response)

    serve(HeadersMiddleware(app, request=[rule]), environ_overrides=environ)
    return seen[0]


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (set_header("X-In", "new"), "old", "new"),
        (set_header("X-In", "new"), None, "new"),
        (default_header("X-In", "new"), "old", "old"),
        (add_header("X-In", "new"), "old", "old, new"),
        (remove_header("X-In"), "old", None),
        (remove_header("X-In"), None, None),
        (rewrite_header("X-In", str.upper), "old", "OLD"),
        (rewrite_header("X-In", str.upper), None, None),
    ],
    ids=["set", "set new", "default", "add", "remove", "remove none", "rewrite", "rewrite none"],
)
def test_request_header_is_changed(rule: HeaderRule, before: str | None, after: str | None) -> None:
    environ = {} if before is None else {"HTTP_X_IN": before}
    assert request_seen(rule, "HTTP_X_IN", **environ) == after


def test_content_type_of_a_request_has_its_own_key() -> None:
    assert request_seen(set_header("Content-Type", "text/x"), "CONTENT_TYPE") == "text/x"


def test_rules_run_in_order() -> None:
    rules = [set_header("X", "a"), rewrite_header("X", str.upper), add_header("X", "b")]
    done = serve(HeadersMiddleware(answering(), response=rules))
    assert done.header("X") == "A, b"


def test_rule_holds_when_its_condition_does() -> None:
    assert answer_of(add_header("X", "new", is_post), []) == []
    assert answer_of(add_header("X", "new", is_post), [], "POST") == [("X", "new")]


def test_condition_sees_the_request_before_the_application_changes_it() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["REQUEST_METHOD"] = "POST"
        return answering()(environ, start_response)

    done = serve(HeadersMiddleware(app, response=[add_header("X", "new", is_post)]))
    assert done.header("X") is None


def test_condition_of_a_request_rule_is_asked() -> None:
    assert request_seen(set_header("X-In", "new", is_post), "HTTP_X_IN") is None


def test_start_response_is_the_servers_when_no_rule_holds() -> None:
    seen: list[StartResponse] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(start_response)
        return answering()(environ, start_response)

    exchange = Exchange()
    exchange.run(HeadersMiddleware(app, response=[add_header("X", "new", is_post)]))
    assert seen == [exchange.start_response]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "a\0b", " a", "a ", "☃"])
def test_bad_value_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a header value"):
        add_header("X", value)


def test_bad_rewritten_value_is_refused() -> None:
    with pytest.raises(ValueError, match="not a header value"):
        answer_of(rewrite_header("X", lambda value: value + "\n"), [("X", "1")])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "name"),
        ("X:", "name"),
        ("X Y", "name"),
        ("Connection", "server's"),
        ("TE", "server's"),
        ("Content-length", "ends"),
    ],
)
def test_bad_name_is_refused(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        remove_header(name)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_response_without_content_gets_no_type(status: str) -> None:
    rules = [default_header("content-type", HTML), set_header("X", "y")]
    done = serve(HeadersMiddleware(answering([], status, []), response=rules))
    assert done.headers == [("X", "y")]


@pytest.mark.parametrize("value", ["", "a", "a b", 'max-age=1, x="é"'])
def test_good_value_is_taken(value: str) -> None:
    assert answer_of(set_header("X", value), []) == [("X", value)]
