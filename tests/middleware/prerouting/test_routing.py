from __future__ import annotations

from collections.abc import Collection
from wsgiref.types import WSGIApplication, WSGIEnvironment

import pytest

from middleware.answer import Answer
from middleware.prerouting import PreRoutingMiddleware, Rewrite, Rule
from tests.middleware.contract import AnswerContract, Contract
from tests.middleware.serving import Exchange, answering, serve


class Noting:
    """A rule that notes when it is asked, and may answer."""

    def __init__(
        self,
        name: str,
        notes: list[str],
        segments: Collection[str] | None = None,
        answer: Answer | None = None,
    ) -> None:
        self.name = name
        self.notes = notes
        self.segments = segments
        self.answer = answer

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        self.notes.append(self.name)
        return self.answer


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Noting("any", []), Rewrite("/", "/x")])


class TestContractWithoutMatch(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Rewrite("/other", "/x")])


class TestAnswers(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Noting("any", [], answer=Answer("200 OK", "mine"))])


def test_first_match_wins() -> None:
    notes: list[str] = []
    rules: list[Rule] = [
        Noting("silent", notes, ["x"]),
        Noting("first", notes, None, Answer("200 OK", "first")),
        Noting("second", notes, ["x"], Answer("200 OK", "second")),
    ]
    assert serve(PreRoutingMiddleware(answering(), rules), "/x/y").content == b"first"
    assert notes == ["silent", "first"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/a", ["a", "any"]),
        ("/a/b/c", ["a", "any"]),
        ("/b", ["any", "b"]),
        ("/", ["any", "root"]),
        ("//a", ["any", "root"]),
        ("/other", ["any"]),
    ],
)
def test_rules_are_asked_by_first_segment(path: str, asked: list[str]) -> None:
    notes: list[str] = []
    names = [("a", ["a"]), ("any", None), ("b", ["b"]), ("root", [""])]
    app = PreRoutingMiddleware(answering(), [Noting(name, notes, seg) for name, seg in names])
    assert serve(app, environ_overrides={"PATH_INFO": path}).content == b"hello"
    assert notes == asked


def test_rewritten_request_is_not_looked_at_again() -> None:
    notes: list[str] = []
    app = PreRoutingMiddleware(answering(), [Rewrite("/a", "/b"), Noting("b", notes, ["b"])])
    serve(app, "/a")
    assert notes == []


def test_missing_path_is_the_root() -> None:
    exchange = Exchange()
    del exchange.environ["PATH_INFO"]
    exchange.environ["SCRIPT_NAME"] = "/app"
    app = PreRoutingMiddleware(answering(), [Rewrite("/", "/x")])
    assert exchange.run(app).content == b"hello"
    assert "PATH_INFO" not in exchange.environ
