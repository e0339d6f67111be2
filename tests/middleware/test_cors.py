from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware._wsgi import Headers
from middleware.cache import HTTPCacheMiddleware
from middleware.cors import CORSMiddleware, is_from_trusted_origin
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from tests.middleware.contract import AnswerContract, Contract
from tests.middleware.serving import Exchange, answering, serve

HOST = "chat.example"
FRIEND = "https://friend.example:8443"
OTHER_FRIEND = "https://other.example"
STRANGER = "https://stranger.example"
PREFLIGHT = {"Origin": FRIEND, "Access-Control-Request-Method": "PUT"}
PREFLIGHT_NAMES: dict[str, Any] = {
    name.replace("-", "_"): value for name, value in PREFLIGHT.items()
}


def shared(app: WSGIApplication) -> WSGIApplication:
    """Share the API with two origins."""
    return CORSMiddleware(
        app,
        trusted_origins=[FRIEND, OTHER_FRIEND],
        paths=["/api", "/live/"],
        methods=["GET", "PUT"],
        request_fields=["Authorization"],
        response_fields=["ETag", "Link"],
    )


class TestContractWithoutOrigin(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return CORSMiddleware(app)


class TestContractOfTrustedOrigin(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return CORSMiddleware(app, trusted_origins=[FRIEND], response_fields=["ETag"])

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        return create_environ(method=method, headers={"Origin": FRIEND}, **options)


class TestContractOfOtherPaths(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return shared(app)


class TestPreflight(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return CORSMiddleware(app, trusted_origins=[FRIEND])

    def environ(self, method: str = "OPTIONS", **options: Any) -> WSGIEnvironment:
        return create_environ(method="OPTIONS", headers=PREFLIGHT, **options)

    def test_content_length_is_true(self) -> None:
        done = self.answer()
        assert done.header("Content-Length") is None  # A 204 has none.
        assert done.content == b""

    def test_head_has_the_headers_and_no_content(self) -> None:
        """Only OPTIONS is a preflight: with the same fields, HEAD is the application's."""
        environ = create_environ(method="HEAD", headers=PREFLIGHT)
        done = Exchange(environ).run(self.wrap(answering([b"below"])))
        assert (done.status, done.content) == ("200 OK", b"below")


def ask(
    path: str = "/api/x",
    method: str = "GET",
    app: WSGIApplication | None = None,
    host: str = HOST,
    **headers: Any,
) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return serve(shared(app or answering()), path, method, headers={"Host": host, **named})


def cors_fields(done: Exchange) -> Headers:
    return sorted(line for line in done.headers if line[0].startswith("Access-Control"))


def test_trusted_origin_may_read() -> None:
    done = ask(Origin=FRIEND)
    assert cors_fields(done) == [
        ("Access-Control-Allow-Origin", FRIEND),
        ("Access-Control-Expose-Headers", "ETag, Link"),
    ]
    assert done.content == b"hello"


def test_each_origin_gets_its_own() -> None:
    allowed = [
        ask(Origin=each).header("Access-Control-Allow-Origin") for each in (FRIEND, OTHER_FRIEND)
    ]
    assert allowed == [FRIEND, OTHER_FRIEND]


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "null",
        "",
        "*",
        "https://friend.example",
        "http://friend.example:8443",
        "HTTPS://FRIEND.EXAMPLE:8443",
        "https://friend.example:8443.evil.example",
        "https://evil.example/https://friend.example:8443",
        f"{FRIEND}, {FRIEND}",
        f"{FRIEND}/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_other_origin_gets_nothing(origin: str, method: str) -> None:
    headers: dict[str, Any] = {**PREFLIGHT_NAMES, "Origin": origin}
    done = ask(method=method, **headers)
    assert cors_fields(done) == []
    assert done.content == b"hello"


@pytest.mark.parametrize("path", ["/", "/apis", "/rooms/api", "/apia/x", "/liveness", ""])
def test_other_paths_are_not_shared(path: str) -> None:
    done = ask(path, Origin=FRIEND)
    assert cors_fields(done) == []
    assert done.header("Vary") is None
    assert cors_fields(ask(path, "OPTIONS", **PREFLIGHT_NAMES)) == []


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/users/1", "/live", "/live/x"])
def test_shared_paths(path: str) -> None:
    assert ask(path, Origin=FRIEND).header("Access-Control-Allow-Origin") == FRIEND


def test_everything_is_shared_unless_paths_are_named() -> None:
    app = CORSMiddleware(answering(), trusted_origins=[FRIEND])
    assert serve(app, "/x", headers={"Origin": FRIEND}).header("Access-Control-Allow-Origin")


def test_preflight_is_answered_here() -> None:
    done = ask(method="OPTIONS", app=failing, **PREFLIGHT_NAMES)
    assert done.status == "204 No Content"
    assert sorted(done.headers) == [
        ("Access-Control-Allow-Headers", "Authorization"),
        ("Access-Control-Allow-Methods", "GET, PUT"),
        ("Access-Control-Allow-Origin", FRIEND),
        ("Access-Control-Max-Age", "7200"),
        ("Vary", "Origin"),
    ]


def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("on purpose")


def test_options_that_is_no_preflight_reaches_the_application() -> None:
    done = ask(method="OPTIONS", Origin=FRIEND)
    assert done.content == b"hello"
    assert done.header("Access-Control-Allow-Origin") == FRIEND


@pytest.mark.parametrize("origin", [None, FRIEND, STRANGER])
@pytest.mark.parametrize(
    ("own", "vary"),
    [([], "Origin"), ([("Vary", "Accept")], "Accept, Origin"), ([("vary", "origin")], "origin")],
    ids=["none", "other", "the same"],
)
def test_every_response_varies(own: Headers, vary: str, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert ask(app=answering(headers=own), **headers).header("Vary") == vary


def test_applications_own_decision_stays() -> None:
    own = [
        ("Content-Type", "text/plain"),
        ("access-control-allow-origin", "*"),
        ("Access-Control-Allow-Credentials", "true"),
    ]
    done = ask(app=answering(headers=own), Origin=FRIEND)
    assert done.headers == [*own, ("Vary", "Origin")]


def test_credentials_are_never_allowed() -> None:
    own = [("Content-Type", "text/plain"), ("Access-Control-Allow-Credentials", "true")]
    done = ask(app=answering(headers=own), Origin=FRIEND)
    assert done.header("Access-Control-Allow-Credentials") is None


def seen_by(app: list[WSGIEnvironment], **headers: str) -> WSGIEnvironment:
    """Return the environ that the application gets."""

    def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app.append(dict(environ))
        start_response("200 OK", [])
        return []

    ask(app=noting, **headers)
    return app[-1]


def test_trusted_origin_brings_no_cookie() -> None:
    environ = seen_by([], Origin=FRIEND, Cookie="session=1", Authorization="Bearer x")
    assert "HTTP_COOKIE" not in environ
    assert environ["HTTP_AUTHORIZATION"] == "Bearer x"
    assert is_from_trusted_origin(environ)


@pytest.mark.parametrize("headers", [{}, {"Origin": STRANGER}, {"Origin": f"https://{HOST}"}])
def test_others_keep_their_cookie(headers: dict[str, str]) -> None:
    environ = seen_by([], Cookie="session=1", **headers)
    assert environ["HTTP_COOKIE"] == "session=1"
    assert not is_from_trusted_origin(environ)


def test_own_origin_stays_ones_own_although_it_is_listed() -> None:
    environ = seen_by([], host="friend.example:8443", Origin=FRIEND, Cookie="session=1")
    assert environ["HTTP_COOKIE"] == "session=1"
    assert cors_fields(ask(host="friend.example:8443", Origin=FRIEND)) == []


@pytest.mark.parametrize(("origin", "status"), [(FRIEND, "200 OK"), (STRANGER, "403 Forbidden")])
def test_guard_below_lets_trusted_origins_pass(origin: str, status: str) -> None:
    guarded = CrossOriginGuardMiddleware(answering(), is_exempt=is_from_trusted_origin)
    done = ask(method="POST", app=guarded, Origin=origin, Sec_Fetch_Site="cross-site")
    assert done.status == status
    done = ask("/login", "POST", app=guarded, Origin=origin, Sec_Fetch_Site="cross-site")
    assert done.status == "403 Forbidden"


def test_errors_can_be_read() -> None:
    done = ask(app=ErrorBoundaryMiddleware(failing), Origin=FRIEND)
    assert done.status[:3] == "500"
    assert done.header("Access-Control-Allow-Origin") == FRIEND


KEPT = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")]


def test_cache_below_has_one_response_for_all_origins() -> None:
    calls: list[Any] = []
    app = shared(HTTPCacheMiddleware(counting(calls)))
    allowed = [allowed_by(app, each) for each in (None, FRIEND, OTHER_FRIEND, STRANGER, "null")]
    assert allowed == [None, FRIEND, OTHER_FRIEND, None, None]
    assert len(calls) == 1


def test_cache_above_serves_no_origin_what_is_anothers() -> None:
    calls: list[Any] = []
    app = HTTPCacheMiddleware(shared(counting(calls)))
    asked = (None, FRIEND, OTHER_FRIEND, STRANGER, "null")
    expected = [None, FRIEND, OTHER_FRIEND, None, None]
    assert [allowed_by(app, each) for each in asked] == expected
    assert [allowed_by(app, each) for each in reversed(asked)] == expected[::-1]
    # Each was answered from the cache the second time.
    assert len(calls) == len(asked)


def counting(calls: list[Any]) -> WSGIApplication:
    """Make an application that notes its calls, and whose answer any cache may keep."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        calls.append(environ)
        start_response("200 OK", list(KEPT))
        return [b"hello"]

    return app


def allowed_by(app: WSGIApplication, origin: str | None) -> str | None:
    headers = {"Host": HOST} if origin is None else {"Host": HOST, "Origin": origin}
    return serve(app, "/api/x", headers=headers).header("Access-Control-Allow-Origin")


@pytest.mark.parametrize("option", ["methods", "request_fields", "response_fields"])
@pytest.mark.parametrize("name", ["", "X A", "A, B", "X\r\nB: 1", "é"])
def test_names_must_be_names(option: str, name: str) -> None:
    options: dict[str, Any] = {option: [name]}
    with pytest.raises(ValueError, match=option):
        CORSMiddleware(answering(), **options)


@pytest.mark.parametrize("origin", ["*", "null", "https://*.example.org"])
def test_trusted_origin_must_be_one(origin: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        CORSMiddleware(answering(), trusted_origins=[origin])
