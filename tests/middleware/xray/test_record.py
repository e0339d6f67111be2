from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from webtest import TestApp
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client
from whitenoise import WhiteNoise

from middleware.cache import HTTPCacheMiddleware, MemoryStore
from middleware.chain import Layer, chain
from middleware.prerouting import Health, PreRoutingMiddleware
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware
from middleware.xray import Recording, lint, record
from tests.middleware.serving import answering, serve


class Chat:
    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        return [b"hello"]


def layers() -> list[Layer]:
    return [
        Layer("request id", RequestIDMiddleware, ""),
        Layer("health", lambda app: PreRoutingMiddleware(app, [Health("/healthz")]), ""),
        Layer("cache", lambda app: HTTPCacheMiddleware(app, store=MemoryStore(100_000)), ""),
    ]


def test_webtest_is_recorded() -> None:
    recorded = record(Chat(), layers())
    client = TestApp(recorded)
    client.get("/")
    assert recorded.trace.layer("chat").answered_itself()
    client.get("/")
    trace = recorded.trace
    assert trace.layer("cache").added("Age")
    assert trace.never_reached("chat")
    assert trace.closed_once()
    assert lint(trace) == []


def test_werkzeugs_client_is_recorded() -> None:
    recorded = record(Chat(), layers())
    Client(recorded).get("/healthz").close()
    assert recorded.trace.answering.name == "health"
    assert recorded.trace.layer("request id").added("X-Request-ID")


def test_layers_of_a_built_chain_are_found() -> None:
    built = chain(layers(), Chat())
    recorded = record(ProxyFix(WhiteNoise(SecurityHeadersMiddleware(built))))
    serve(recorded)
    assert [visit.name for visit in recorded.trace.visits] == [
        "proxy fix", "white noise", "security headers", "request id", "pre routing", "http cache",
        "chat",
    ]  # fmt: skip
    assert recorded.trace.layer("cache").name == "http cache"


def test_built_chain_stays_as_it_was() -> None:
    app = Chat()
    built = RequestIDMiddleware(app)
    serve(record(built))
    assert built.app is app


def test_application_alone_is_recorded() -> None:
    recorded = record(answering())
    assert serve(recorded).content == b"hello"
    assert [visit.name for visit in recorded.trace.visits] == ["application"]


def test_nothing_recorded_is_said() -> None:
    with pytest.raises(LookupError, match="no request"):
        _ = record(answering()).trace


def test_traces_are_kept_in_order() -> None:
    recorded = record(answering(), keep=2)
    for path in ("/1", "/2", "/3"):
        serve(recorded, path)
    assert [trace.path for trace in recorded.traces] == ["/2", "/3"]
    assert Recording.latest is recorded


def test_layer_unreached_is_an_error() -> None:
    recorded = record(Chat(), layers())
    serve(recorded, "/healthz")
    with pytest.raises(KeyError, match="'cache', but request id, health"):
        recorded.trace.layer("cache")


def test_layer_unknown_is_an_error() -> None:
    recorded = record(Chat(), layers())
    serve(recorded)
    with pytest.raises(KeyError, match="no layer 'chta'"):
        recorded.trace.never_reached("chta")


def test_ambiguous_name_is_an_error() -> None:
    recorded = record(answering(), [Layer(f"layer {n}", RequestIDMiddleware, "") for n in "ab"])
    serve(recorded)
    with pytest.raises(KeyError, match="no single layer"):
        recorded.trace.layer("layer")
