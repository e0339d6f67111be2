from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.validate import validator

import pytest

from middleware.prerouting import Mount, MountHost, PreRoutingMiddleware
from tests.middleware.contract import Contract, unreachable
from tests.middleware.serving import HTML, answering, serve


class TestContractMounted(Contract):
    """The mounted application is below as much as the other one."""

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(unreachable, [MountHost("localhost", app)])


def names(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the two halves of the path."""
    start_response("200 OK", [("Content-Type", HTML)])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode("latin-1")]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/docs", "/docs|"),
        ("/docs/", "/docs|/"),
        ("/docs/a/b", "/docs|/a/b"),
        ("/doc", "hello"),
        ("/docsets", "hello"),
        ("/a/docs", "hello"),
    ],
)
def test_prefix_moves_to_script_name(path: str, seen: str) -> None:
    app = PreRoutingMiddleware(answering(), [Mount("/docs", validator(names))])
    assert serve(app, path).content == seen.encode()


def test_prefix_of_two_segments() -> None:
    app = PreRoutingMiddleware(answering(), [Mount("/a/b/", names)])
    assert serve(app, "/a/b/c").content == b"/a/b|/c"
    assert serve(app, "/a/c").content == b"hello"


def test_mounts_nest() -> None:
    inner = PreRoutingMiddleware(unreachable, [Mount("/b", names)])
    app = PreRoutingMiddleware(unreachable, [Mount("/a", inner)])
    assert serve(app, "/a/b/c").content == b"/a/b|/c"


def test_prefix_may_have_any_letters() -> None:
    app = PreRoutingMiddleware(unreachable, [Mount("/é", names)])
    assert serve(app, "/%C3%A9/x").content == "/é|/x".encode()


@pytest.mark.parametrize(
    ("host", "mounted"),
    [
        ("admin.example.org", True),
        ("ADMIN.example.org:80", True),
        ("admin.example.org:", True),
        ("admin.example.org:8000", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_host_chooses(host: str, mounted: bool) -> None:
    app = PreRoutingMiddleware(answering(), [MountHost("Admin.example.org", answering([b"admin"]))])
    done = serve(app, environ_overrides={"HTTP_HOST": host})
    assert done.content == (b"admin" if mounted else b"hello")
