from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

import pytest

from middleware.prerouting import PreRoutingMiddleware, Versions
from tests.middleware.serving import HTML, serve


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the version and the two halves of the path."""
    start_response("200 OK", [("Content-Type", HTML)])
    version = environ.get("middleware.version")
    return [f"{version} {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/v1/users", "v1 /v1|/users"),
        ("/v2/", "v2 /v2|/"),
        ("/v2", "v2 /v2|/"),
        ("/v3/users", "None |/v3/users"),
        ("/v10", "None |/v10"),
        ("/users", "None |/users"),
    ],
)
def test_version_is_taken_out_of_the_path(path: str, seen: str) -> None:
    app = PreRoutingMiddleware(validator(echo), [Versions(["v1", "v2"])])
    assert serve(app, path).content == seen.encode()


def test_version_may_have_any_letters() -> None:
    app = PreRoutingMiddleware(echo, [Versions(["é"])])
    assert serve(app, "/%C3%A9/x").content == "é /Ã©|/x".encode()


def test_rule_alone_leaves_other_paths() -> None:
    assert Versions(["v1"]).route({"PATH_INFO": "/x"}, echo) is None


@pytest.mark.parametrize("name", ["", "v/1"])
def test_version_is_one_segment(name: str) -> None:
    with pytest.raises(ValueError, match="one segment"):
        Versions([name])
