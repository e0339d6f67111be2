from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware.cross_origin import CrossOriginGuardMiddleware, checked_origin
from tests.middleware.contract import AnswerContract, Contract
from tests.middleware.serving import Exchange, answering, serve

HOST = "chat.example"


class TestContractSafe(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return CrossOriginGuardMiddleware(app)


class TestContractUnsafe(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return CrossOriginGuardMiddleware(app)

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        headers = {"Upgrade": "websocket", "Sec-Fetch-Site": "same-origin"}
        return create_environ(method=method, headers=headers, **options)


class TestRefusal(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return CrossOriginGuardMiddleware(app)

    def environ(self, method: str = "POST", **options: Any) -> WSGIEnvironment:
        headers = {"Upgrade": "websocket", "Sec-Fetch-Site": "cross-site"}
        return create_environ(method=method, headers=headers, data=b"a=1", **options)


def sent(method: str = "POST", path: str = "/x", host: str = HOST, **headers: str) -> Exchange:
    """Send a request through a guard that trusts one origin and exempts one path."""
    app = CrossOriginGuardMiddleware(
        answering(), trusted_origins=["https://friend.example:8443"], exempt_paths=["/hooks"]
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return serve(app, path, method, headers={"Host": host, **named})


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_safe_request_passes_from_anywhere(method: str) -> None:
    done = sent(method, Sec_Fetch_Site="cross-site", Origin="https://evil.example")
    assert done.status == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "UNHEARD-OF"])
def test_unsafe_request_from_another_site_is_refused(method: str) -> None:
    done = sent(method, Sec_Fetch_Site="cross-site", Origin=f"https://{HOST}")
    assert done.status == "403 Forbidden"
    assert b"Sec-Fetch-Site" in done.content


@pytest.mark.parametrize(
    ("site", "status"),
    [
        ("same-origin", "200"),
        ("none", "200"),
        ("same-site", "403"),
        ("cross-site", "403"),
        ("", "403"),
        ("unheard-of", "403"),
    ],
)
def test_site_decides(site: str, status: str) -> None:
    assert sent(Sec_Fetch_Site=site).status[:3] == status


def test_client_that_is_no_browser_passes() -> None:
    assert sent().status == "200 OK"


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("https://chat.example", "chat.example", "200"),
        ("https://CHAT.example", "chat.Example", "200"),
        ("https://chat.example", "chat.example:443", "200"),
        ("http://chat.example", "chat.example:80", "200"),
        ("http://chat.example", "chat.example:", "200"),
        ("http://chat.example:8000", "chat.example:8000", "200"),
        ("http://[::1]:8000", "[::1]:8000", "200"),
        ("https://evil.example", "chat.example", "403"),
        ("https://chat.example.evil.example", "chat.example", "403"),
        ("https://evilchat.example", "chat.example", "403"),
        ("http://chat.example:8001", "chat.example:8000", "403"),
        ("http://chat.example", "chat.example:443", "403"),
        ("https://chat.example:8443", "chat.example", "403"),
        ("null", "chat.example", "403"),
        ("null", "", "403"),
        ("", "", "403"),
        ("://", "", "403"),
    ],
)
def test_origin_is_compared_with_host(origin: str, host: str, status: str) -> None:
    done = sent(host=host, Origin=origin)
    assert done.status[:3] == status
    assert status == "200" or b"(Origin, Host)" in done.content


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://friend.example:8443", "200"),
        ("https://FRIEND.example:8443", "200"),
        ("https://friend.example", "403"),
        ("http://friend.example:8443", "403"),
    ],
)
def test_trusted_origin_passes(origin: str, status: str) -> None:
    assert sent(Origin=origin, Sec_Fetch_Site="cross-site").status[:3] == status
    assert sent(Origin=origin).status[:3] == status


@pytest.mark.parametrize(("path", "status"), [("/hooks/git", "200"), ("/hookshot", "403")])
def test_exempt_path_passes(path: str, status: str) -> None:
    assert sent(path=path, Sec_Fetch_Site="cross-site").status[:3] == status


def test_exemption_may_be_a_rule() -> None:
    app = CrossOriginGuardMiddleware(
        answering(), is_exempt=lambda environ: environ.get("HTTP_X_SIGNED") == "yes"
    )
    headers = {"Sec-Fetch-Site": "cross-site", "X-Signed": "yes"}
    assert serve(app, method="POST", headers=headers).status == "200 OK"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, "403"),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, "403"),
        ({"Origin": f"https://{HOST}"}, "200"),
        ({}, "200"),
    ],
)
def test_websocket_is_no_safe_request(headers: dict[str, str], status: str) -> None:
    assert sent("GET", Upgrade="websocket", **headers).status[:3] == status


@pytest.mark.parametrize(
    "origin",
    [
        "example.org",
        "https://example.org/",
        "https://example.org/x",
        "https://*.example.org",
        "https://ann@example.org",
        "https://bücher.example",
        "https://example.org:",
        "https://example.org:0",
        "https://example.org:08443",
        "https://example.org:65536",
        "https://[::1",
        "https://a b",
        "https://example.org\n",
        "null",
        "*",
        "https://",
        "",
    ],
)
def test_trusted_origin_must_be_one(origin: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        CrossOriginGuardMiddleware(answering(), trusted_origins=[origin])


@pytest.mark.parametrize("origin", ["https://example.org:443", "http://example.org:80"])
def test_port_that_browsers_leave_out_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="leave out the port"):
        checked_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "http://example.org:443",
        "https://xn--bcher-kva.example:8443",
        "http://127.0.0.1:65535",
        "http://[::1]:8000",
        "tauri://localhost",
    ],
)
def test_origins_of_browsers_are_taken_as_they_are(origin: str) -> None:
    assert checked_origin(origin) == origin
    assert checked_origin(origin.upper()) == origin


def test_body_of_the_application_is_passed_as_it_is() -> None:
    body: Iterable[bytes] = [b"hello"]
    exchange = Exchange(create_environ(method="POST"))
    assert exchange.call(CrossOriginGuardMiddleware(answering(body))).body is body
