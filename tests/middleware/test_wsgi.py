from __future__ import annotations

from collections.abc import Iterator

import pytest

from middleware import _wsgi
from middleware._wsgi import Headers, WrappedBody, changing_headers
from tests.middleware.serving import BrokenError, Exchange, TrackedBody


def test_header_value_ignores_case_and_takes_the_first() -> None:
    headers = [("ETag", '"a"'), ("etag", '"b"')]
    assert _wsgi.header_value(headers, "etag") == '"a"'
    assert _wsgi.header_value(headers, "vary") is None


def test_names_are_in_lower_case_whatever_the_values() -> None:
    for value in ("1", "2"):
        assert _wsgi.header_names([("X-A", value), ("ETag", "e")]) == {"x-a", "etag"}


def test_without_headers_copies_where_nothing_is_left_out() -> None:
    headers = [("X", "y")]
    copy = _wsgi.without_headers(headers, "etag")
    assert copy == headers
    assert copy is not headers


def test_without_headers_copies_the_rest() -> None:
    headers = [("Content-Length", "1"), ("ETag", "x"), ("X", "y")]
    assert _wsgi.without_headers(headers, "content-length", "etag") == [("X", "y")]
    assert len(headers) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ["Cookie"]),
        ([("vary", "Accept")], ["Accept, Cookie"]),
        ([("Vary", "Accept"), ("Vary", "Origin")], ["Accept, Origin, Cookie"]),
        ([("Vary", "accept, cookie")], ["accept, cookie"]),
        ([("Vary", "*")], ["*"]),
    ],
    ids=["none", "other", "two lines", "already", "star"],
)
def test_vary_names_the_field_once(before: Headers, after: list[str]) -> None:
    headers = _wsgi.with_vary(before, "Cookie")
    assert [value for _, value in headers] == after
    assert headers is not before


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
