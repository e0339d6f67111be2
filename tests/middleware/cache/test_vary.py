from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.ranges import Span
from middleware.cache.vary import (
    Variants,
    environ_key,
    normalize,
    selecting_fields,
    selecting_values,
    supersedes,
)
from tests.middleware.cache.around import entry


def variant(**values: str | None) -> object:
    return entry(selecting=tuple((f"HTTP_{name}", value) for name, value in values.items()))


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


def test_newest_matching_variant_comes_first() -> None:
    old, new, other = (entry(selecting=(("HTTP_FOO", value),)) for value in "112")
    variants = Variants([new, other, old])
    assert variants.select({"HTTP_FOO": "1"}) == (new, old)
    assert variants.select({"HTTP_FOO": "1"}) == (new, old), "as remembered"


def test_absent_field_is_a_value_of_its_own() -> None:
    absent = entry(selecting=(("HTTP_FOO", None),))
    assert Variants([absent]).select({}) == (absent,)
    assert Variants([absent]).select({"HTTP_FOO": ""}) == ()


def test_memory_for_selections_is_bounded() -> None:
    variants = Variants([entry(selecting=(("HTTP_FOO", "1"),))])
    for number in range(100):
        variants.select({"HTTP_FOO": str(number)})
    assert 0 < len(variants._remembered) < 8


def test_long_values_of_strangers_are_not_remembered() -> None:
    own = "1" * 8000
    variants = Variants([entry(selecting=(("HTTP_FOO", own),))])
    assert variants.select({"HTTP_FOO": own}) == variants.entries
    assert list(variants._remembered) == [(own,)]
    for number in range(100):
        assert variants.select({"HTTP_FOO": f"{number:09000}"}) == ()
    assert list(variants._remembered) == [(own,)]


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("fr;q=0.5, de;q=1.0", True),
        ("de", True),
        ("fr, de;q=0.5", False),
        ("fr, de", False),
        ("de;q=0", False),
        ("de;q=x", False),
        ("", False),
    ],
)
def test_first_choice_of_language_is_enough(accept: str, found: bool) -> None:
    german = entry(("Content-Language", "de"), selecting=(("HTTP_ACCEPT_LANGUAGE", "de,en"),))
    assert bool(Variants([german]).select({"HTTP_ACCEPT_LANGUAGE": accept})) is found


def test_language_of_a_response_may_be_unknown() -> None:
    unknown = entry(selecting=(("HTTP_ACCEPT_LANGUAGE", "de,en"),))
    assert Variants([unknown]).select({"HTTP_ACCEPT_LANGUAGE": "de"}) == ()


def test_variant_supersedes_its_like_only() -> None:
    one, other = (entry(selecting=(("HTTP_FOO", value),)) for value in "12")
    assert supersedes(entry(selecting=one.selecting), one)
    assert not supersedes(other, one)


def test_part_supersedes_smaller_parts_only() -> None:
    whole, large, small = (entry(span=span) for span in (None, Span(0, 5, 10), Span(1, 3, 10)))
    assert supersedes(whole, small)
    assert supersedes(large, small)
    assert not supersedes(small, large)
    assert not supersedes(small, whole)


def test_variants_are_bounded() -> None:
    variants = Variants()
    for number in range(5):
        variants = variants.with_entry(entry(selecting=(("HTTP_FOO", str(number)),)), 3)
    assert [e.selecting[0][1] for e in variants] == ["4", "3", "2"]


def test_variant_is_replaced_in_its_place() -> None:
    one, two, new = entry(), entry(), entry()
    assert Variants([one, two]).replacing(one, new).entries == (new, two)
