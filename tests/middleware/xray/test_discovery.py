from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from middleware.cache import HTTPCacheMiddleware, MemoryStore
from middleware.request_id import RequestIDMiddleware
from middleware.xray.discovery import MAX_LAYERS, layers_in, probed
from middleware.xray.probe import Recorder
from tests.middleware.serving import answering, serve


class KeptTwice:
    """As Beaker's session middleware does."""

    def __init__(self, app: WSGIApplication) -> None:
        self.wrap_app = self.app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        assert self.wrap_app is self.app
        return self.app(environ, start)


class Slotted:
    __slots__ = ("application",)

    def __init__(self, app: WSGIApplication) -> None:
        self.application = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self.application(environ, start)


def names_in(app: WSGIApplication, names: list[str] | None = None) -> list[str]:
    recorder = Recorder()
    serve(probed(app, recorder, names))
    return [visit.name for visit in recorder.traces[-1].visits]


def test_layer_may_be_kept_twice_or_in_a_slot() -> None:
    assert names_in(KeptTwice(Slotted(answering()))) == ["kept twice", "slotted", "application"]


def test_flask_is_one_layer() -> None:
    app = Flask("talk")
    assert names_in(ProxyFix(app)) == ["proxy fix", "flask"]


def test_middleware_in_flasks_attribute_is_found() -> None:
    app = Flask("talk")
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    assert names_in(app) == ["flask", "proxy fix", "wsgi app"]
    assert isinstance(app.wsgi_app, ProxyFix)


def test_dispatcher_is_followed_to_its_application() -> None:
    assert names_in(DispatcherMiddleware(answering())) == ["dispatcher", "application"]


def test_same_class_twice_gets_a_number() -> None:
    app = RequestIDMiddleware(RequestIDMiddleware(answering()))
    assert names_in(app) == ["request id", "request id 2", "application"]


def test_names_may_be_given() -> None:
    app = RequestIDMiddleware(answering())
    assert names_in(app, ["ids", "hello"]) == ["ids", "hello"]
    assert names_in(app, ["too few"]) == ["request id", "application"]


def test_frozen_part_that_calls_the_next_layer_is_copied_too() -> None:
    app = HTTPCacheMiddleware(answering(), store=MemoryStore(10_000))
    assert names_in(app) == ["http cache", "application"]
    assert serve(app).content == b"hello"


def test_attribute_that_cannot_be_called_is_no_layer() -> None:
    class Named(KeptTwice):
        def __init__(self, app: WSGIApplication) -> None:
            super().__init__(app)
            self.application = "a name"

    class OnlyNamed:
        app = None

        def __init__(self) -> None:
            self.application = "a name"

        def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return answering()(environ, start)

    assert names_in(Named(OnlyNamed())) == ["named", "only named"]


def test_circle_ends() -> None:
    class Circle:
        app: Any = None

        def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return []

    circle = Circle()
    circle.app = circle
    assert len(layers_in(circle)) == MAX_LAYERS
