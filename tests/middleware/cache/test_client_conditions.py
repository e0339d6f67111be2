from __future__ import annotations

import pytest

from middleware.cache.client_conditions import is_not_modified, not_modified_headers, strongly_equal
from middleware.cache.dates import format_date
from tests.middleware.cache.around import NOON

EARLIER, LATER = format_date(NOON - 60), format_date(NOON + 60)


@pytest.mark.parametrize(
    ("etag", "if_none_match", "expected"),
    [
        ('"a"', '"a"', True),
        ('"a"', '"b"', False),
        ('"a"', '"b", "a"', True),
        ('"a"', 'W/"a"', True),
        ('W/"a"', '"x", "a"', True),
        ('"a"', "*", True),
        (None, "*", True),
        (None, '"a"', False),
        ('"a"', "a", False),
        ('"a,b"', '"a,b", "c"', True),
        ('"a"', '"\\", "a"', True),
        ('"b\\"', 'W/"a\\", "b\\"', True),
        ('"a"', "", False),
    ],
)
def test_if_none_match(etag: str | None, if_none_match: str, expected: bool) -> None:
    conditions = {"HTTP_IF_NONE_MATCH": if_none_match}
    assert is_not_modified(etag, int(NOON), conditions, NOON) is expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [(format_date(NOON), True), (LATER, True), (EARLIER, False), ("now", False)],
)
def test_if_modified_since(since: str, expected: bool) -> None:
    conditions = {"HTTP_IF_MODIFIED_SINCE": since}
    assert is_not_modified('"a"', int(NOON), conditions, NOON) is expected


@pytest.mark.parametrize("etag", ['"a"', None])
def test_if_none_match_silences_if_modified_since(etag: str | None) -> None:
    conditions = {"HTTP_IF_NONE_MATCH": '"b"', "HTTP_IF_MODIFIED_SINCE": LATER}
    assert not is_not_modified(etag, int(NOON), conditions, NOON)


def test_without_conditions_all_is_sent() -> None:
    assert not is_not_modified('"a"', 0, {}, NOON)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [('"a"', '"a"', True), ('W/"a"', 'W/"a"', False), (None, None, False), ('"a"', None, False)],
)
def test_strong_comparison(one: str | None, other: str | None, expected: bool) -> None:
    assert strongly_equal(one, other) is expected


def test_304_carries_what_caches_need() -> None:
    headers = [("ETag", '"a"'), ("Content-Length", "5"), ("X-CDN", "max-age=1"), ("X-A", "1")]
    assert not_modified_headers(headers, "X-CDN") == [headers[0], headers[2]]
    assert not_modified_headers(headers, None) == [headers[0]]
