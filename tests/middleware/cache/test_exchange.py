"""Forwarded requests of applications that use PEP 3333 in its less common ways."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from middleware._wsgi import Headers
from tests.middleware.cache.around import Client, Exchange, Origin, fresh, request
from tests.middleware.serving import (
    BrokenError,
    ProtocolError,
    TrackedBody,
    answering,
    without_write,
)

LASTING: Headers = [("Cache-Control", "max-age=60, stale-if-error=60"), ("ETag", '"a"')]


def fail_with(start_response: Any, status: str = "500 Error") -> Any:
    try:
        raise BrokenError
    except BrokenError:
        return start_response(status, [], sys.exc_info())


def after_a_good_answer(app: Any) -> Client:
    """Store an answer, let it go stale, and put another application behind the cache."""
    client = Client(Origin(cache_control="max-age=60, stale-if-error=60", etag='"a"'))
    client.ask()
    client.clock.pass_by(61)
    client.app = app
    return client


def test_late_exception_reaches_the_server() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        raise BrokenError
        yield b""

    with pytest.raises(BrokenError):
        Client(app).ask()


def test_application_that_never_starts_is_the_servers_to_report() -> None:
    with pytest.raises(ProtocolError):
        Client(lambda environ, start_response: iter([b"hello"])).ask()


def test_two_writes_arrive_in_order() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", LASTING)
        write(b"one,")
        write(b"two,")
        return [b"three"]

    client = Client(app)
    assert [client.ask().content for _ in range(2)] == [b"one,two,three"] * 2


def test_what_cannot_be_written_is_an_error_and_not_stored() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", LASTING)(b"one,")
        return [b"two"]

    client = Client(app)
    for _ in range(2):
        with pytest.raises(TypeError, match="write"):
            Exchange(request()).run(without_write(client.cache))


def test_error_after_an_empty_write_replaces_the_answer() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", LASTING)(b"")
        fail_with(start_response)
        return [b"sorry"]

    client = Client(app)
    done = client.ask()
    assert (done.status, done.content) == ("500 Error", b"sorry")
    assert client.store.lookup("http://localhost/")[0].entries == ()


def test_error_after_an_empty_chunk_of_an_unstored_answer() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Cache-Control", "no-store")])
        yield b""
        fail_with(start_response)
        yield b"sorry"

    done = Client(app).ask(If_None_Match='"a"')
    assert (done.status, done.content) == ("500 Error", b"sorry")


def test_error_after_a_stale_answer_was_chosen_changes_nothing() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Error", [])(b"oh")
        fail_with(start_response)(b"no")
        return [b"sorry"]

    done = after_a_good_answer(app).ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


def test_error_after_a_304_was_chosen_changes_nothing() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LASTING)
        yield b"hel"
        fail_with(start_response)
        yield b"sorry"

    client = Client(app)
    done = client.ask(If_None_Match='"a"')
    assert (done.status, done.content) == ("304 Not Modified", b"")
    assert client.store.lookup("http://localhost/")[0].entries == ()


def test_first_start_replaced_before_anything_is_sent() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", LASTING)
        fail_with(start_response, "418 Teapot")
        return [b"sorry"]

    client = Client(app)
    done = client.ask()
    assert (done.status, done.content) == ("418 Teapot", b"sorry")
    assert isinstance(done.errors[0], BrokenError)


def test_stale_for_a_range_stands_in_too() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Error", [])
        return [b"sorry"]

    done = after_a_good_answer(app).ask(Range="bytes=0-1")
    assert (done.status, done.content) == ("206 Partial Content", b"he")


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


def test_late_start_of_a_validation() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("304 Not Modified", LASTING)
        yield from ()

    done = after_a_good_answer(app).ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


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


def test_written_304_is_still_a_validation() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("304 Not Modified", LASTING)(b"")
        return []

    done = after_a_good_answer(app).ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


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


def test_application_asked_again_finds_environ_as_it_was() -> None:
    paths: list[tuple[str, str]] = []

    def mount(environ: Any, start_response: Any) -> Any:
        paths.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        environ.update(SCRIPT_NAME="/mount", PATH_INFO="/page")
        is_asked = "HTTP_IF_NONE_MATCH" in environ
        start_response("304 Not Modified" if is_asked else "200 OK", [("ETag", '"b"')])
        return []

    client = Client(Origin(cache_control="max-age=0", etag='"a"'))
    client.ask("/mount/page")
    client.app = mount
    client.ask("/mount/page")
    assert paths == [("", "/mount/page")] * 2


def test_failure_when_asked_again_is_stood_in_for() -> None:
    body = TrackedBody()

    def app(environ: Any, start_response: Any) -> Any:
        if "HTTP_IF_NONE_MATCH" not in environ:
            raise BrokenError
        start_response("304 Not Modified", [("ETag", '"b"')])
        return body

    assert after_a_good_answer(app).ask().content == b"hello"
    assert body.closes == 1
