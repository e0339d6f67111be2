from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.dates import format_date
from middleware.cache.ranges import (
    Span,
    join,
    parse_range,
    range_applies,
    span_of_part,
    suffix_length,
)
from tests.middleware.cache.around import NOON

HOUR_AGO = format_date(NOON - 3600)


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ("bytes=0-1", [(0, 2)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=5-99", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-99", [(0, 10)]),
        ("Bytes = 0-0 , 9-9", [(0, 1), (9, 10)]),
        ("bytes=8-9,0-1", [(8, 10), (0, 2)]),
        ("bytes=10-", []),
        ("bytes=12-20", []),
        ("bytes=-0", []),
        ("bytes=10-,0-0", [(0, 1)]),
        ("bytes=,0-0, ,", [(0, 1)]),
        (f"bytes=0-{'9' * 40}", [(0, 10)]),
        (f"bytes=-{'9' * 40}", [(0, 10)]),
        (f"bytes={'9' * 40}-", []),
    ],
)
def test_ranges_are_resolved(value: str, spans: list[tuple[int, int]]) -> None:
    assert parse_range(value, 10) == [Span(start, stop, 10) for start, stop in spans]


@pytest.mark.parametrize(
    "value",
    [
        "items=0-1",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=2-1",
        "bytes=,",
        "bytes=+1-2",
        "bytes=0-5,4-9,0-1",
        "bytes=" + ",".join(["0-0"] * 9),
        "bytes=٠-١",
    ],
)
def test_other_ranges_are_ignored(value: str) -> None:
    assert parse_range(value, 10) is None


@given(st.text("0123456789-, ="), st.integers(0, 50))
def test_spans_lie_within_the_content(text: str, total: int) -> None:
    for span in parse_range(f"bytes={text}", total) or []:
        assert 0 <= span.start < span.stop <= total


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("bytes=-5", 5),
        ("bytes=5-", None),
        ("items=-5", None),
        ("bytes=-a", None),
        ("bytes=5", None),
    ],
)
def test_suffix_length(value: str, length: int | None) -> None:
    assert suffix_length(value) == length


@pytest.mark.parametrize(
    ("content_range", "size", "asked", "span"),
    [
        ("bytes 0-4/10", 5, "bytes=0-4", (0, 5)),
        ("Bytes 5-9/10", 5, "bytes=5-", (5, 10)),
        ("bytes 4-9/10", 5, "bytes=-5", (5, 10)),
        ("bytes 4-9/10", 5, "bytes=4-", None),
        ("bytes 3-8/10", 5, "bytes=-5", None),
        ("bytes 0-4/*", 5, "bytes=0-4", None),
        ("bytes 5-4/10", 0, "bytes=5-", None),
        ("bytes 5-10/10", 6, "bytes=5-", None),
        ("", 5, "bytes=0-4", None),
    ],
)
def test_place_of_a_part(
    content_range: str, size: int, asked: str, span: tuple[int, int] | None
) -> None:
    assert span_of_part(content_range, size, asked) == (span and Span(*span, 10))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ((0, 5), (5, 10), (0, 10)),
        ((3, 5), (0, 4), (0, 5)),
        ((0, 9), (2, 4), (0, 9)),
        ((0, 4), (5, 9), None),
        ((5, 9), (0, 4), None),
    ],
)
def test_parts_join(
    one: tuple[int, int], other: tuple[int, int], both: tuple[int, int] | None
) -> None:
    assert join(Span(*one, 10), Span(*other, 10)) == (both and Span(*both, 10))


def test_parts_of_different_lengths_do_not_join() -> None:
    assert join(Span(0, 5, 10), Span(5, 10, 11)) is None


def test_span_knows_what_it_covers() -> None:
    assert Span(0, 10, 10).is_whole
    assert Span(2, 8, 10).covers(Span(2, 3, 10))
    assert not Span(2, 8, 10).covers(Span(1, 3, 10))
    assert not Span(2, 8, 10).covers(Span(2, 9, 10))
    assert not Span(2, 8, 10).covers(Span(2, 3, 11))


@pytest.mark.parametrize(
    ("if_range", "applies"),
    [
        (None, True),
        ('"a"', True),
        ('"b"', False),
        ('W/"a"', False),
        (HOUR_AGO, True),
        (format_date(NOON - 3599), False),
    ],
)
def test_if_range(if_range: str | None, applies: bool) -> None:
    assert range_applies(if_range, '"a"', HOUR_AGO, NOON) is applies


@pytest.mark.parametrize("last_modified", [None, "yesterday", format_date(NOON)])
def test_if_range_needs_a_strong_date(last_modified: str | None) -> None:
    assert not range_applies(last_modified or HOUR_AGO, None, last_modified, NOON)


def test_weak_etag_is_no_match_for_a_range() -> None:
    assert not range_applies('W/"a"', 'W/"a"', None, NOON)
