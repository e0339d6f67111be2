"""A request within the process, and what it answers."""

import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

import gevent
import pytest

from examples.middleware import asking
from examples.middleware.asking import ask
from examples.middleware.question import Question
from examples.middleware.runs import Runs


class Stream:
    """A body that goes on for ever, and knows whether it was closed."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.is_closed = False
        self.ticks = 0

    def __iter__(self) -> Iterator[bytes]:
        for self.ticks in itertools.count(1):
            yield b"tick %d\n" % self.ticks
            gevent.sleep(self.pause)

    def close(self) -> None:
        self.is_closed = True


def asked(
    question: Question | None = None, body: Iterable[bytes] = (b"hello\n",)
) -> tuple[WSGIEnvironment, asking.Run]:
    """Ask an application that keeps its environ; return that, and the run."""
    seen = {}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.update(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    return seen, ask(validator(app), question or Question(), ["b", "a"], "localhost:8001")


def test_request_is_what_was_typed() -> None:
    headers = "Accept: text/plain\nContent-Type: text/css\n\nX-Name: é:b "
    environ, _ = asked(Question("POST", "/a%20b/é?q=1&r=%20", headers))
    wanted = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/é".encode().decode("latin-1"),
        "QUERY_STRING": "q=1&r=%20",
        "HTTP_HOST": "localhost:8001",
        "HTTP_ACCEPT": "text/plain",
        "CONTENT_TYPE": "text/css",
        "HTTP_X_NAME": "é:b".encode().decode("latin-1"),
        "REMOTE_ADDR": "127.0.0.1",
    }
    assert {name: environ[name] for name in wanted} == wanted


def test_run_keeps_answer_and_what_was_off() -> None:
    _, run = asked(body=[b"caf", b"\xc3\xa9\n"])
    assert (run.status, run.headers) == ("200 OK", [("Content-Type", "text/plain")])
    assert (run.body, run.off) == ("café\n", ["a", "b"])


def test_stream_is_cut_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "STREAM_SECONDS", 0.01)
    stream = Stream(pause=30)
    assert asked(body=stream)[1].body == "tick 1\n"
    assert stream.is_closed


def test_endless_body_is_cut_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "STREAM_SECONDS", 600)
    monkeypatch.setattr(asking, "MAX_BODY_BYTES", 12)
    stream = Stream(pause=0)
    assert asked(body=stream)[1].body == "tick 1\ntick "
    assert stream.ticks == 2
    assert stream.is_closed


@pytest.mark.parametrize(
    ("status", "header", "body", "mistake"),
    [
        ("200 OK", "1", ["hello"], "TypeError"),
        ("200 OK", "1", (1 / number for number in [0]), "ZeroDivisionError"),
        ("200 OK", "1", (b"%d" % (1 / number) for number in [1, 0]), "ZeroDivisionError"),
        ("200 OK", "1", (sys.exit(1) for _ in range(1)), "SystemExit"),
        ("200 OK", 1, [b"hello"], "AttributeError"),
        (200, "1", [b"hello"], "AttributeError"),
        ("200 OK", "\ud800", [b"hello"], "UnicodeEncodeError"),
    ],
    ids=["text", "at once", "late", "exit", "header", "status", "no latin-1"],
)
def test_mistake_of_an_application_is_told_and_kept(
    status: Any, header: Any, body: Any, mistake: str, tmp_path: Path
) -> None:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        start_response(status, [("X-Number", header)])
        return body

    run = ask(app, Question(), [], "localhost")
    assert mistake in run.body.splitlines()[-1]
    runs = Runs(tmp_path / "runs.json")
    runs.add(run)
    assert runs.last_two() == (None, run)


def test_application_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.01)
    run = ask(lambda environ, start_response: gevent.sleep(600), Question(), [], "localhost")
    assert "Timeout" in run.body.splitlines()[-1]


def test_application_that_does_not_start_is_told() -> None:
    run = ask(lambda environ, start_response: [], Question(), [], "localhost")
    assert (run.status, run.headers) == ("start_response was not called", [])
