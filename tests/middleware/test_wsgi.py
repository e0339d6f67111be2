from __future__ import annotations

from collections.abc import Iterator

import pytest

from middleware._wsgi import WrappedBody, changing_headers
from tests.middleware.serving import BrokenError, Exchange, TrackedBody


def test_change_gets_the_status() -> None:
    exchange = Exchange()
    start = changing_headers(exchange.start_response, lambda status, _: [("X-Status", status)])
    start("200 OK", [])
    assert exchange.headers == [("X-Status", "200 OK")]


def test_body_may_be_iterated_in_two_goes() -> None:
    # Werkzeug's test client asks for an iterator twice.
    body = WrappedBody([b"one", b"two"])
    assert next(iter(body)) == b"one"
    assert list(iter(body)) == [b"two"]


def test_second_close_does_nothing() -> None:
    inner = TrackedBody()
    body = WrappedBody(inner)
    body.close()
    body.close()
    assert inner.closes == 1


def test_own_cleanup_runs_although_close_fails() -> None:
    cleaned = []

    class Failing(TrackedBody):
        def close(self) -> None:
            raise BrokenError

    class Cleaning(WrappedBody):
        def after_close(self) -> None:
            cleaned.append(True)

    with pytest.raises(BrokenError):
        Cleaning(Failing()).close()
    assert cleaned == [True]


def test_body_that_cannot_be_iterated_is_closed() -> None:
    class Broken(TrackedBody):
        def __iter__(self) -> Iterator[bytes]:
            raise BrokenError

    inner = Broken()
    with pytest.raises(BrokenError):
        Exchange().run(lambda environ, start_response: WrappedBody(inner))
    assert inner.closes == 1
