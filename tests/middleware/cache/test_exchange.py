"""Forwarded requests of applications that use PEP 3333 in its less common ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.middleware.cache.around import (
    LASTING,
    Client,
    Origin,
    after_a_good_answer,
    fail_with,
    fresh,
    request,
)
from tests.middleware.serving import (
    BrokenError,
    Exchange,
    ProtocolError,
    TrackedBody,
    answering,
)


def test_late_exception_reaches_the_server() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        raise BrokenError
        yield b""

    with pytest.raises(BrokenError):
        Client(app).ask()


def test_application_that_never_starts_is_the_servers_to_report() -> None:
    with pytest.raises(ProtocolError):
        Client(lambda environ, start_response: iter([b"hello"])).ask()


def test_first_start_replaced_before_anything_is_sent() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", LASTING)
        fail_with(start_response, "418 Teapot")
        return [b"sorry"]

    client = Client(app)
    done = client.ask()
    assert (done.status, done.content) == ("418 Teapot", b"sorry")
    assert isinstance(done.errors[0], BrokenError)


def test_refused_body_is_closed() -> None:
    body = TrackedBody(b"sorry")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Error", [])
        return body

    assert after_a_good_answer(app).ask().content == b"hello"
    assert (body.closes, body.pulled) == (1, 0)


def test_empty_body_of_the_application_is_closed() -> None:
    class Empty(list[bytes]):
        closes = 0

        def close(self) -> None:
            self.closes += 1

    body = Empty()
    client = Client(Origin(body, cache_control="no-store"))
    client.ask()
    assert body.closes == 1


def test_exit_in_the_body_leaves_no_flight() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LASTING)
        yield b"hello"
        raise SystemExit

    client = Client(app)
    with pytest.raises(SystemExit):
        client.ask()
    assert client.cache._parts.flights._flying == {}


def test_body_never_taken_leaves_no_flight() -> None:
    client = Client(lambda *args: iter(fresh(iter([b"he", b"llo"]))(*args)))
    exchange = Exchange(request()).call(client.cache)
    exchange.close()
    assert client.cache._parts.flights._flying == {}
    assert client.ask().content == b"hello"


def test_body_returned_after_a_stale_answer_was_chosen_is_closed() -> None:
    body = TrackedBody(b"sorry")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Error", [])(b"oh")
        return body

    assert after_a_good_answer(app).ask().content == b"hello"
    assert body.closes == 1


def test_bodies_are_closed_once_when_asked_again() -> None:
    bodies = [TrackedBody(), TrackedBody(error=BrokenError())]
    answers = iter(bodies)

    def app(environ: Any, start_response: Any) -> Any:
        start_response(
            "304 Not Modified" if "HTTP_IF_NONE_MATCH" in environ else "200 OK", [("ETag", '"b"')]
        )
        return next(answers)

    with pytest.raises(BrokenError):
        after_a_good_answer(app).ask()
    assert [body.closes for body in bodies] == [1, 1]


class Uniterable(TrackedBody):
    def __iter__(self) -> Iterator[bytes]:
        raise BrokenError


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_body_without_iterator_is_closed(method: str) -> None:
    body = Uniterable()
    headers = [("Cache-Control", "max-age=60"), ("Content-Location", "/")]
    with pytest.raises(BrokenError):
        Client(answering(body, headers=headers)).ask(method=method)
    assert body.closes == 1


def test_stale_stands_in_for_a_body_without_iterator() -> None:
    body = Uniterable()

    def app(environ: Any, start_response: Any) -> Any:
        return body

    assert after_a_good_answer(app).ask().content == b"hello"
    assert body.closes == 1


def test_body_is_closed_when_the_server_refuses_the_headers() -> None:
    body = TrackedBody(b"hello")
    with pytest.raises(ProtocolError, match="more than one line"):
        Client(answering(body, headers=[("X-A", "1\r\n2")])).ask()
    assert body.closes == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_closing_twice_closes_the_body_once(method: str) -> None:
    body = TrackedBody(b"hello")
    headers = [("Cache-Control", "max-age=60"), ("Content-Location", "/")]
    Client(answering(body, headers=headers)).ask(method=method).close()
    assert body.closes == 1


def test_late_start_may_write_before_the_first_chunk() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LASTING)(b"one,")
        yield b"two"

    client = Client(app)
    assert [client.ask().content for _ in range(2)] == [b"one,two"] * 2
