from __future__ import annotations

import pytest

from middleware._fields import (
    first_value_of,
    names_in,
    split_list,
    value_of,
    values_of,
    with_vary,
    without,
)
from middleware._wsgi import Headers

HEADERS = [("Vary", "A"), ("X", "1"), ("vary", "B")]


def test_lines_of_one_field_are_found_in_any_case() -> None:
    assert values_of(HEADERS, "vary") == ["A", "B"]


def test_several_lines_are_one_value() -> None:
    assert value_of(HEADERS, "vary") == "A, B"


def test_absent_field_has_no_value() -> None:
    assert value_of(HEADERS, "age") is None


def test_without_leaves_the_list_alone() -> None:
    assert without(HEADERS, ["vary"]) == [("X", "1")]
    assert len(HEADERS) == 3


def test_first_value_ignores_case() -> None:
    headers = [("ETag", '"a"'), ("etag", '"b"')]
    assert first_value_of(headers, "etag") == '"a"'
    assert first_value_of(headers, "vary") is None


def test_names_are_in_lower_case_whatever_the_values() -> None:
    for value in ("1", "2"):
        assert names_in([("X-A", value), ("ETag", "e")]) == {"x-a", "etag"}


def test_without_copies_where_nothing_is_left_out() -> None:
    headers = [("X", "y")]
    copy = without(headers, ["etag"])
    assert copy == headers
    assert copy is not headers


def test_without_copies_the_rest() -> None:
    headers = [("Content-Length", "1"), ("ETag", "x"), ("X", "y")]
    assert without(headers, ["content-length", "etag"]) == [("X", "y")]
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
    headers = with_vary(before, "Cookie")
    assert [value for _, value in headers] == after
    assert headers is not before


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ("", []),
        (" , ,", []),
        ("a, b ,\tc", ["a", "b", "c"]),
        ('a="1,2", b', ['a="1,2"', "b"]),
        (r'a="\",", b', [r'a="\","', "b"]),
        ('a="unclosed, b', ['a="unclosed, b']),
    ],
)
def test_lists_split_outside_quotes(value: str, members: list[str]) -> None:
    assert split_list(value) == members
