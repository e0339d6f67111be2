from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.middleware.cache.around import (
    LASTING,
    Client,
    Origin,
    after_a_good_answer,
    fresh,
    status_of,
)
from tests.middleware.serving import BrokenError, TrackedBody


def test_stale_for_a_range_stands_in_too() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Error", [])
        return [b"sorry"]

    done = after_a_good_answer(app).ask(Range="bytes=0-1")
    assert (done.status, done.content) == ("206 Partial Content", b"he")


def test_late_start_of_a_validation() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("304 Not Modified", LASTING)
        yield from ()

    done = after_a_good_answer(app).ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


def test_written_304_is_still_a_validation() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("304 Not Modified", LASTING)(b"")
        return []

    done = after_a_good_answer(app).ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


def test_failure_when_asked_again_is_stood_in_for() -> None:
    body = TrackedBody()

    def app(environ: Any, start_response: Any) -> Any:
        if "HTTP_IF_NONE_MATCH" not in environ:
            raise BrokenError
        start_response("304 Not Modified", [("ETag", '"b"')])
        return body

    assert after_a_good_answer(app).ask().content == b"hello"
    assert body.closes == 1


@pytest.mark.parametrize("directive", ["private", "no-cache"])
def test_field_of_a_304_that_is_for_one_client_is_not_given_to_others(directive: str) -> None:
    """RFC 9111 sections 5.2.2.4 and 5.2.2.7; the fields of that name that are stored go, too."""
    headers = [("Cache-Control", f'max-age=60, {directive}="X-User, X-Old"'), ("X-User", "ann")]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("304 Not Modified", [("ETag", '"a"'), *headers])
        return []

    client = after_a_good_answer(app, x_old="1")
    for user in ("ann", None):
        done = client.ask()
        assert (done.content, done.header("X-User"), done.header("X-Old")) == (b"hello", user, None)
    assert status_of(done).startswith("wsgi; hit")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_field_that_connection_lists_does_not_update_the_stored(method: str) -> None:
    """RFC 9111 section 3.1."""

    def app(environ: Any, start_response: Any) -> Any:
        code = "200 OK" if method == "HEAD" else "304 Not Modified"
        start_response(code, [*LASTING, ("Connection", "close, X-Hop"), ("X-Hop", "1")])
        return []

    client = after_a_good_answer(app)
    client.ask(method=method)
    assert client.ask().header("X-Hop") is None


@pytest.mark.parametrize("length", ["none", "-1", "5, 5", ""])
def test_response_of_unknown_length_is_not_stored(length: str) -> None:
    client = Client(fresh(content_length=length))
    client.ask()
    assert client.ask().content == b"hello"
    assert client.app.calls == 2


def test_cached_error_in_the_background_does_not_replace_what_may_stand_in() -> None:
    """RFC 5861: what stands in for an error does so whoever revalidates."""
    client = Client(
        Origin(cache_control="max-age=60, stale-while-revalidate=60, stale-if-error=60")
    )
    client.ask()
    client.clock.pass_by(61)
    client.app = Origin(b"broken", "503 Later", cache_control="max-age=60")
    for _ in range(2):
        assert client.ask().content == b"hello"
        client.do_background_work()
