from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.dates import format_date, parse_date
from tests.middleware.cache.around import NOON

AUGUST = 2544400878  # Thu, 18 Aug 2050 02:01:18 GMT


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 18 Aug 2050 02:01:18 GMT",
        "THU, 18 AUG 2050 02:01:18 gmt",
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug 18 02:01:18 2050",
    ],
)
def test_the_three_forms_are_read(text: str) -> None:
    assert parse_date(text, NOON) == AUGUST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 +0000",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 31 Feb 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 25:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:61 GMT",
        "Thu, 1٨ Aug 2050 02:01:18 GMT",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse_date(text, NOON) is None


def test_asctime_pads_the_day_with_a_space() -> None:
    assert parse_date("Mon Aug  8 02:01:18 2050", NOON) == AUGUST - 10 * 86_400


def test_two_digit_year_beyond_50_years_is_past() -> None:
    assert parse_date("Thursday, 18-Aug-77 02:01:18 GMT", NOON) == 240717678


def test_leap_second_is_taken_as_the_one_before() -> None:
    leap = parse_date("Sat, 31 Dec 2016 23:59:60 GMT", NOON)
    assert leap == parse_date("Sat, 31 Dec 2016 23:59:59 GMT", NOON)


@given(st.integers(0, 4_000_000_000))
def test_what_is_written_is_read(seconds: int) -> None:
    assert parse_date(format_date(seconds), NOON) == seconds
