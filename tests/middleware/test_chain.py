from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import limits
import pytest
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from middleware import chain as chains
from middleware._wsgi import Headers, Middleware
from middleware.access_log import AccessLogMiddleware
from middleware.chain import Layer, chain
from middleware.cors import CORSMiddleware
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.headers import HeadersMiddleware, set_header
from middleware.prerouting import PreRoutingMiddleware, Split
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.rewriting import InsertBefore, RewritingMiddleware, Transformer
from middleware.security import SecurityHeadersMiddleware
from middleware.server_timing import ServerTimingMiddleware
from tests.middleware.contract import Contract
from tests.middleware.serving import answering, serve

QUIET = logging.Logger("quiet", logging.CRITICAL + 1)
LOGGING = logging.Logger("logging")
LOGGING.addHandler(logging.NullHandler())


def noting(notes: list[str], note: str) -> Middleware:
    """Make a middleware that notes when a request passes it."""

    def factory(app: WSGIApplication) -> WSGIApplication:
        def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            notes.append(note)
            return app(environ, start_response)

        return middleware

    return factory


def layers_of(notes: list[str], *names: str) -> list[Layer]:
    return [Layer(name, noting(notes, name), "for the test") for name in names]


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return chain(layers_of([], "one", "two"), app, lambda name, app: noting([], name)(app))


class TestContractOfAllTogether(Contract):
    """Each layer keeps the contract although it has all the others around it."""

    answers_errors = True
    taken_before = 1  # By the error boundary.

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        every_get = RateRule("all", limits.parse("9/minute"), ["GET"])
        limiter = FixedWindowRateLimiter(MemoryStorage())
        layers: list[Middleware] = [
            RequestIDMiddleware,
            partial(AccessLogMiddleware, logger=LOGGING),
            SecurityHeadersMiddleware,
            CORSMiddleware,
            partial(ErrorBoundaryMiddleware, logger=QUIET),
            ServerTimingMiddleware,
            partial(PreRoutingMiddleware, rules=[Split("page", {"old": 1, "new": 1})]),
            partial(HeadersMiddleware, response=[set_header("X-New", "1")]),
            CrossOriginGuardMiddleware,
            lambda app: RateLimitMiddleware(app, limiter, [every_get], storage_errors=()),
            partial(RewritingMiddleware, make=insert_nothing),
        ]
        return chain([Layer(str(place), layer, "") for place, layer in enumerate(layers)], app)


def insert_nothing(environ: WSGIEnvironment, status: str, headers: Headers) -> Transformer:
    return InsertBefore(b"never there", b"")


def test_first_layer_is_outermost() -> None:
    notes: list[str] = []
    assert serve(chain(layers_of(notes, "one", "two"), answering())).content == b"hello"
    assert notes == ["one", "two"]


def test_empty_chain_is_the_application() -> None:
    app = answering()
    assert chain([], app) is app


def test_nothing_stands_between_layers_without_a_probe() -> None:
    # The outermost layer is what the caller gets, and it holds the next one itself.
    class Holding:
        def __init__(self, app: WSGIApplication) -> None:
            self.app = app

        def __call__(
            self, environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            raise NotImplementedError

    app = answering()
    outer = chain([Layer("outer", Holding, ""), Layer("inner", Holding, "")], app)
    assert isinstance(outer, Holding)
    assert isinstance(outer.app, Holding)
    assert outer.app.app is app


def test_probe_stands_before_each_layer_and_the_application() -> None:
    notes: list[str] = []

    def probe(name: str, app: WSGIApplication) -> WSGIApplication:
        return noting(notes, f"before {name}")(app)

    serve(chain(layers_of(notes, "one", "two"), answering(), probe))
    assert notes == ["before one", "one", "before two", "two", "before application"]


def test_probe_may_leave_a_place_alone() -> None:
    notes: list[str] = []

    def probe(name: str, app: WSGIApplication) -> WSGIApplication:
        return noting(notes, "probe")(app) if name == "two" else app

    serve(chain(layers_of(notes, "one", "two"), answering(), probe))
    assert notes == ["one", "probe", "two"]


@pytest.mark.parametrize("names", [("one", "one"), ("one", chains.APPLICATION)])
def test_names_are_unique(names: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=f"named '{names[1]}'"):
        chain(layers_of([], *names), answering())


@pytest.mark.parametrize(
    ("change", "order"),
    [
        (lambda layers, new: chains.insert_before(layers, "two", new), ["one", "new", "two"]),
        (lambda layers, new: chains.insert_after(layers, "one", new), ["one", "new", "two"]),
        (lambda layers, new: chains.without(layers, "one"), ["two"]),
    ],
    ids=["before", "after", "without"],
)
def test_list_is_changed_by_name(
    change: Callable[[list[Layer], Layer], list[Layer]], order: list[str]
) -> None:
    layers = layers_of([], "one", "two")
    assert [layer.name for layer in change(layers, *layers_of([], "new"))] == order
    assert [layer.name for layer in layers] == ["one", "two"]


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="no layer is named 'three'"):
        chains.without(layers_of([], "one"), "three")
