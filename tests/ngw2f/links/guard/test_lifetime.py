import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.guard.lifetime import Bounds, lifetime_seconds

NOW = 784_111_777.0  # RFC 9110 section 5.6.7's Sun, 06 Nov 1994 08:49:37 GMT.
BOUNDS = Bounds(shortest=60, longest=100_000, unsaid=5000)
DATE = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}

CASES = {
    "nothing": ({}, 5000),
    "empty": ({"Cache-Control": ""}, 5000),
    "max-age": ({"Cache-Control": "public, max-age=600"}, 600),
    "quoted": ({"Cache-Control": 'max-age="600"'}, 600),
    "upper case": ({"Cache-Control": "MAX-AGE=600"}, 600),
    "twice the same": ({"Cache-Control": "max-age=600, max-age=600"}, 600),
    "two that differ": ({"Cache-Control": "max-age=600, max-age=700"}, 60),
    "shared first": ({"Cache-Control": "max-age=600, s-maxage=700"}, 700),
    "unreadable shared": ({"Cache-Control": "s-maxage=x, max-age=600"}, 60),
    "zero": ({"Cache-Control": "max-age=0"}, 60),
    "negative": ({"Cache-Control": "max-age=-600"}, 60),
    "a word": ({"Cache-Control": "max-age=soon"}, 60),
    "very long": ({"Cache-Control": "max-age=31536000"}, 100_000),
    "overflow": ({"Cache-Control": "max-age=" + "9" * 5000}, 100_000),
    "aged": ({"Cache-Control": "max-age=600", "Age": "200"}, 400),
    "older than its age": ({"Cache-Control": "max-age=600", "Age": "900"}, 60),
    "private": ({"Cache-Control": "private, max-age=600"}, 60),
    "no-store": ({"Cache-Control": "no-store"}, 60),
    "no-cache": ({"Cache-Control": "no-cache, max-age=600"}, 60),
    "expires": ({"Expires": "Sun, 06 Nov 1994 09:49:37 GMT"}, 3600),
    "expires by its own clock": (
        {"Expires": "Sun, 06 Nov 1994 09:49:37 GMT", "Date": "Sun, 06 Nov 1994 09:39:37 GMT"},
        600,
    ),
    "expires and unreadable date": (
        {"Expires": "Sun, 06 Nov 1994 09:49:37 GMT", "Date": "x"},
        3600,
    ),
    "expired": ({"Expires": "Sun, 06 Nov 1994 07:49:37 GMT", **DATE}, 60),
    "expires never": ({"Expires": "0"}, 60),
    "expires in a zone": ({"Expires": "Sun, 06 Nov 1994 10:49:37 +0100"}, 60),
    "expires in year 9999": ({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, 100_000),
    "max-age before expires": ({"Cache-Control": "max-age=600", "Expires": "0"}, 600),
}


@pytest.mark.parametrize(("headers", "seconds"), CASES.values(), ids=CASES)
def test_lifetime(headers: dict[str, str], seconds: int) -> None:
    assert lifetime_seconds(headers, NOW, BOUNDS) == seconds


@given(st.dictionaries(st.sampled_from(["Cache-Control", "Expires", "Date", "Age"]), st.text()))
def test_any_headers_stay_within_bounds(headers: dict[str, str]) -> None:
    assert 60 <= lifetime_seconds(headers, NOW, BOUNDS) <= 100_000
