from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.cache import HTTPCacheMiddleware
from middleware.xray.names import name_of, unique


def test_layer_is_named_after_its_class() -> None:
    assert name_of(HTTPCacheMiddleware.__new__(HTTPCacheMiddleware)) == "http cache"


def test_names_that_occur_again_are_numbered() -> None:
    assert unique(["a", "b", "a", "a"]) == ["a", "b", "a 2", "a 3"]


def test_function_is_named_after_itself() -> None:
    def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return []

    assert name_of(hello) == "hello"
    assert name_of(lambda environ, start: []) == "application"


def test_class_named_middleware_keeps_its_name() -> None:
    class Middleware:
        pass

    assert name_of(Middleware()) == "middleware"
