from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.middleware.cache.around import (
    LASTING,
    after_a_good_answer,
)
from tests.middleware.serving import (
    BrokenError,
    TrackedBody,
)


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
