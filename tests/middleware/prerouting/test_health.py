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


def test_other_method_is_refused() -> None:
    done = serve(PreRoutingMiddleware(unreachable, [Health("/healthz")]), "/healthz", "POST")
    assert done.status[:3] == "405"
    assert done.header("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/healthz/", "/healthz/x", "/"])
def test_other_path_is_not_ours(path: str) -> None:
    app = PreRoutingMiddleware(answering(), [Health("/healthz")])
    assert serve(app, path).content == b"hello"
