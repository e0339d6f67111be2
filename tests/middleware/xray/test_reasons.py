"""The ladder says why a layer answered, as far as anybody said it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware.cache import HTTPCacheMiddleware, MemoryStore
from middleware.chain import Layer
from middleware.spans import span
from middleware.xray.page import trace_page
from middleware.xray.reasons import reasons_of
from middleware.xray.record import Recording, record
from middleware.xray.text import ladder
from tests.middleware.serving import serve

HTML = ("Content-Type", "text/html")


def answering(status: str, *fields: tuple[str, str]) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [HTML, *fields])
        return []

    return app


def adding(*fields: tuple[str, str]) -> Layer:
    def middleware(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return app(environ, lambda status, headers, *e: start(status, [*headers, *fields], *e))

        return layer

    return Layer("outer", middleware, "")


def because(recorded: Recording) -> list[str]:
    serve(recorded)
    return list(reasons_of(recorded.trace))


def test_cache_says_why_it_asked_and_then_that_it_had_it() -> None:
    cache = Layer("cache", lambda app: HTTPCacheMiddleware(app, store=MemoryStore(10_000)), "")
    recorded = record(answering("200 OK", ("Cache-Control", "max-age=60")), [cache])
    assert because(recorded) == ["cache had no response stored for this address"]
    (reason,) = because(recorded)
    assert reason.startswith("it had the response stored, for ")
    assert f"\nbecause {reason}\n" in ladder(recorded.trace)
    assert f"<p>Because {reason}.</p>" in trace_page(recorded.trace, [])


@pytest.mark.parametrize(
    ("status", "fields", "reasons"),
    [
        ("200 OK", (), []),
        ("200 OK", (("Cache-Status", "edge; hit"),), ["it had the response stored"]),
        ("304 Not Modified", (), ["the client has this response already"]),
        (
            "429 Too Many Requests",
            (("Retry-After", "46"),),
            ["the client asked too often; it may ask again in 46 s"],
        ),
        (
            "503 Service Unavailable",
            (("Retry-After", "Mon, 30 Nov 2026 10:00:00 GMT"),),
            ["it cannot answer now; it may be asked again after Mon, 30 Nov 2026 10:00:00 GMT"],
        ),
        ("429 Too Many Requests", (), []),
        ("301 Moved Permanently", (("Retry-After", "4"),), []),
    ],
)
def test_fields_say_why(status: str, fields: Any, reasons: list[str]) -> None:
    assert because(record(answering(status, *fields))) == reasons


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ("edge; fwd=stale; fwd-status=200", ["outer had only a stale response stored"]),
        ("edge; fwd=unheard", []),
        ("edge", []),
    ],
)
def test_caches_above_say_why_not(value: str, reasons: list[str]) -> None:
    recorded = record(answering("200 OK"), [adding(("Cache-Status", value))])
    assert because(recorded) == reasons


def failing(status: str) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in ("first", "second"):
            try:
                with span("action", name), span("sql", "SELECT"):
                    raise TimeoutError
            except TimeoutError:
                pass
        start_response(status, [HTML])
        return []

    return app


def test_work_that_failed_says_why() -> None:
    recorded = record(failing("500 Internal Server Error"))
    assert because(recorded) == ["action second raised TimeoutError"]
    assert '<p class="del">· action second' in trace_page(recorded.trace, [])


def test_work_may_fail_without_harm() -> None:
    recorded = record(failing("200 OK"))
    assert because(recorded) == []
    assert '<p class="del">' not in trace_page(recorded.trace, [])


def test_nothing_is_said_of_a_request_without_an_answer() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise TimeoutError

    recorded = record(app)
    with pytest.raises(TimeoutError):
        serve(recorded)
    assert list(reasons_of(recorded.trace)) == []
