from __future__ import annotations

from wsgiref.types import WSGIApplication

import pytest

from middleware.prerouting import Health, PreRoutingMiddleware
from tests.middleware.contract import AnswerContract, unreachable
from tests.middleware.serving import answering, serve


class TestAnswer(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Health("/")])


def test_alive_without_the_application() -> None:
    done = serve(PreRoutingMiddleware(unreachable, [Health("/healthz")]), "/healthz")
    assert (done.status, done.content) == ("200 OK", b"ok\n")
    assert done.header("Cache-Control") == "no-store"


@pytest.mark.parametrize(("wrong", "status"), [(None, "200"), ("no broker", "503")])
def test_check_decides(wrong: str | None, status: str) -> None:
    app = PreRoutingMiddleware(unreachable, [Health("/readyz", lambda: wrong)])
    done = serve(app, "/readyz")
    assert done.status[:3] == status
    assert done.content == (b"no broker\n" if wrong else b"ok\n")


@pytest.mark.parametrize(
    ("method", "status"), [("POST", "405"), ("TRACE", "405"), ("OPTIONS", "204")]
)
def test_other_methods_are_told_which_there_are(method: str, status: str) -> None:
    done = serve(PreRoutingMiddleware(unreachable, [Health("/healthz")]), "/healthz", method)
    assert (done.status[:3], done.header("Allow")) == (status, "GET, HEAD, OPTIONS")
    assert (b"GET" in done.content) is (status == "405")


@pytest.mark.parametrize("path", ["/healthz/", "/healthz/x", "/"])
def test_other_path_is_not_ours(path: str) -> None:
    app = PreRoutingMiddleware(answering(), [Health("/healthz")])
    assert serve(app, path).content == b"hello"
