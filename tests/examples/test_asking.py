"""A request within the process, and what it answers."""

import itertools
from wsgiref.validate import validator

import gevent
import pytest

from examples.middleware import asking
from examples.middleware.asking import Question, ask


class Stream:
    """A body that goes on for ever, and knows whether it was closed."""

    def __init__(self, pause):
        self.pause = pause
        self.is_closed = False
        self.ticks = 0

    def __iter__(self):
        for self.ticks in itertools.count(1):
            yield b"tick %d\n" % self.ticks
            gevent.sleep(self.pause)

    def close(self):
        self.is_closed = True


def asked(question=None, body=(b"hello\n",)):
    """Ask an application that keeps its environ; return that, and the run."""
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    return seen, ask(validator(app), question or Question(), ["b", "a"], "localhost:8001")


def test_request_is_what_was_typed():
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


def test_run_keeps_answer_and_what_was_off():
    _, run = asked(body=[b"caf", b"\xc3\xa9\n"])
    assert (run.status, run.headers) == ("200 OK", [("Content-Type", "text/plain")])
    assert (run.body, run.off) == ("café\n", ["a", "b"])


@pytest.mark.parametrize(
    ("question", "mistake"),
    [
        (Question(method="BREW"), "the method is one of GET, HEAD"),
        (Question(path="lobby"), "a path begins with a slash: 'lobby'"),
        (Question(path="/\x00"), "a path begins with a slash"),
        (Question(headers="Accept"), "a header is a line of `Name: value`: 'Accept'"),
        (Question(headers="A B: c"), "a header is a line of"),
        (Question(headers="A: b\x00"), "a header is a line of"),
    ],
    ids=["method", "path", "control", "no colon", "blank", "control in header"],
)
def test_what_is_no_request_is_refused(question, mistake):
    with pytest.raises(ValueError, match=mistake):
        question.check()


def test_stream_is_cut_and_closed(monkeypatch):
    monkeypatch.setattr(asking, "STREAM_SECONDS", 0.01)
    stream = Stream(pause=30)
    assert asked(body=stream)[1].body == "tick 1\n"
    assert stream.is_closed


def test_endless_body_is_cut_and_closed(monkeypatch):
    monkeypatch.setattr(asking, "STREAM_SECONDS", 600)
    monkeypatch.setattr(asking, "MAX_BODY_BYTES", 12)
    stream = Stream(pause=0)
    assert asked(body=stream)[1].body == "tick 1\ntick "
    assert stream.ticks == 2
    assert stream.is_closed


def test_application_that_does_not_start_is_told():
    run = ask(lambda environ, start_response: [], Question(), [], "localhost")
    assert (run.status, run.headers) == ("start_response was not called", [])
