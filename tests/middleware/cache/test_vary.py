from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.vary import environ_key, normalize, selecting_fields, selecting_values


@pytest.mark.parametrize(
    ("name", "key"),
    [("Accept-Encoding", "HTTP_ACCEPT_ENCODING"), ("content-type", "CONTENT_TYPE")],
)
def test_environ_keys(name: str, key: str) -> None:
    assert environ_key(name) == key


def test_selecting_fields_are_listed_once() -> None:
    headers = [("Vary", "Foo, accept"), ("vary", "foo")]
    assert selecting_fields(headers) == ["HTTP_ACCEPT", "HTTP_FOO"]


def test_selecting_values_are_normal() -> None:
    headers = [("Vary", "Foo, Bar")]
    values = selecting_values(headers, {"HTTP_FOO": " 1, 2 "})
    assert values == (("HTTP_BAR", None), ("HTTP_FOO", "1,2"))


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("HTTP_FOO", "1,2", " 1 , 2 "),
        ("HTTP_ACCEPT_LANGUAGE", "en, de", "DE,eN"),
        ("HTTP_ACCEPT", "text/html; q=0.5, a/b", "a/b,text/html;q=0.5"),
        ("HTTP_ACCEPT", 'a/b; x="1, 2"', 'a/b; x="1, 2"'),
    ],
)
def test_values_that_mean_the_same(key: str, one: str, other: str) -> None:
    assert normalize(key, one) == normalize(key, other)


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("HTTP_FOO", "1, 2", "2, 1"),
        ("HTTP_FOO", "a", "A"),
        ("HTTP_ACCEPT", 'a; x="1 2"', 'a; x="12"'),
        ("HTTP_FOO", "", None),
        ("HTTP_COOKIE", "q=a,b", "q=a, b"),
        ("HTTP_COOKIE", "q=a,b", "q=a,,b"),
        ("HTTP_AUTHORIZATION", "Custom a,b", "Custom a,b,"),
        ("HTTP_USER_AGENT", "(KHTML, like Gecko)", "(KHTML,like Gecko)"),
    ],
)
def test_values_that_do_not(key: str, one: str, other: str | None) -> None:
    assert normalize(key, one) != normalize(key, other)


@given(st.text(st.characters(codec="latin-1", exclude_characters='"')))
def test_normal_form_stays(value: str) -> None:
    for key in ("HTTP_FOO", "HTTP_ACCEPT"):
        assert normalize(key, normalize(key, value)) == normalize(key, value)
