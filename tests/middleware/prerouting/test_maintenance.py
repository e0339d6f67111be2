from __future__ import annotations

from pathlib import Path
from wsgiref.types import WSGIApplication

import pytest

from middleware.prerouting import FileSwitch, Maintenance, PreRoutingMiddleware
from tests.middleware.contract import AnswerContract
from tests.middleware.serving import Exchange, answering, serve


class TestAnswer(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Maintenance(lambda: True)])


def served(rule: Maintenance, **environ: str) -> Exchange:
    return serve(PreRoutingMiddleware(answering(), [rule]), environ_overrides=environ)


def test_answer_says_when_to_come_back() -> None:
    done = served(Maintenance(lambda: True, retry_after_seconds=30))
    assert done.status == "503 Service Unavailable"
    assert done.header("Retry-After") == "30"
    assert done.header("Cache-Control") == "no-store"


def test_body_is_the_operators() -> None:
    done = served(Maintenance(lambda: True, body="<p>Soon", content_type="text/html"))
    assert (done.content, done.header("Content-Type")) == (b"<p>Soon", "text/html")


def test_switch_is_asked_each_time() -> None:
    answers = iter([False, True])
    rule = Maintenance(lambda: next(answers))
    assert [served(rule).status[:3] for _ in range(2)] == ["200", "503"]


def test_operator_is_let_through() -> None:
    rule = Maintenance(lambda: True, admits=lambda env: env.get("REMOTE_ADDR") == "192.0.2.1")
    assert served(rule, REMOTE_ADDR="192.0.2.1").status[:3] == "200"
    assert served(rule, REMOTE_ADDR="192.0.2.2").status[:3] == "503"


def test_file_is_the_switch(tmp_path: Path) -> None:
    switch = FileSwitch(tmp_path / "maintenance", every_seconds=0)
    assert not switch()
    (tmp_path / "maintenance").touch()
    assert switch()


def test_file_is_looked_for_once_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([10.0, 14.9, 15.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    switch = FileSwitch(tmp_path / "maintenance", every_seconds=5)
    assert not switch()
    (tmp_path / "maintenance").touch()
    assert not switch(), "the last look is not old enough"
    assert switch()
