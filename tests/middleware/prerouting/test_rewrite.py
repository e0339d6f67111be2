from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from middleware.prerouting import PreRoutingMiddleware, Rewrite
from tests.middleware.serving import HTML, serve


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", HTML)])
    return [f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}".encode()]


@pytest.mark.parametrize(
    ("rule", "path", "seen"),
    [
        (Rewrite("/me", "/users/1"), "/me?a=1", "/users/1?a=1"),
        (Rewrite("/me", "/users/1"), "/me/x", "/me/x?"),
        (Rewrite("/me", "/users/1", whole=True), "/me", "/users/1?"),
        (Rewrite("/me", "/users/1", whole=True), "/me/x", "/users/1/x?"),
        (Rewrite("/me", "/", whole=True), "/me/x", "/x?"),
        (Rewrite("/me", "/users/1", whole=True), "/men", "/men?"),
        (Rewrite("/", "/index"), "/", "/index?"),
    ],
)
def test_path_below_is_another(rule: Rewrite, path: str, seen: str) -> None:
    assert serve(PreRoutingMiddleware(echo, [rule]), path).content == seen.encode()
