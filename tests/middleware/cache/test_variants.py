from __future__ import annotations

import pytest

from middleware.cache.ranges import Span
from middleware.cache.variants import Variants, supersedes
from tests.middleware.cache.around import entry


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
