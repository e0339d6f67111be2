from __future__ import annotations

import pytest

from middleware._fields import split_list, value_of, values_of, without

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
