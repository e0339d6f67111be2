from __future__ import annotations

import pytest

from middleware.cache.directives import (
    MAX_SECONDS,
    RequestDirectives,
    ResponseDirectives,
    parse_request_directives,
    parse_response_directives,
    parse_targeted_directives,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("max-age=60", 60),
        ("MAX-AGE=0060", 60),
        ('max-age="60"', 60),
        ("max-age=60, max-age=60", 60),
        ("max-age=60, max-age=1", 0),
        ("max-age=99999999999", MAX_SECONDS),
        ("max-age=" + "9" * 5000, MAX_SECONDS),
        ("max-age", 0),
        ("max-age=", 0),
        ("max-age=-1", 0),
        ("max-age=60.0", 0),
        ("max-age=a60", 0),
        ("max-age='60'", 0),
        ("max-age =60", 0),
        ("max-age= 60", 0),
        ("max-age=٦٠", 0),
        ('x="max-age=60", max-age=1', 1),
        ("x", None),
    ],
)
def test_max_age(value: str, seconds: int | None) -> None:
    assert parse_response_directives(value).max_age == seconds


def test_all_directives_of_a_response() -> None:
    read = parse_response_directives(
        "s-maxage=1, stale-while-revalidate=2, stale-if-error=3, no-store, no-cache, private,"
        " public, must-revalidate, proxy-revalidate, must-understand"
    )
    assert read == ResponseDirectives(
        None, 1, 2, 3, True, True, True, True, True, True, True, frozenset()
    )


@pytest.mark.parametrize("value", ["No-StOrE", "no-store=1", "no-store =x", 'no-store="a"'])
def test_no_store_counts_however_it_is_written(value: str) -> None:
    assert parse_response_directives(value).no_store


def test_listed_fields_are_not_stored() -> None:
    read = parse_response_directives('no-cache="Set-Cookie, x-a", private="X-B"')
    assert read.unstored_fields == {"set-cookie", "x-a", "x-b"}
    assert not read.no_cache
    assert not read.private


@pytest.mark.parametrize("value", ['no-cache=""', 'no-cache, no-cache="a"'])
def test_no_cache_without_list_covers_all(value: str) -> None:
    assert parse_response_directives(value).no_cache


@pytest.mark.parametrize("value", ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"])
def test_what_forbids_stale(value: str) -> None:
    assert parse_response_directives(value).forbids_stale


def test_nothing_forbids_stale() -> None:
    assert not parse_response_directives("max-age=1").forbids_stale


@pytest.mark.parametrize("value", ["", "max-age=60, &&&", "MaX-aGe=60", "max-age =60"])
def test_invalid_targeted_field_has_no_effect(value: str) -> None:
    assert parse_targeted_directives(value) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("max-age=60", 60),
        ('max-age="60"', 0),
        ("max-age=1.5", 0),
        ("max-age=(60)", 0),
        ("max-age", 0),
        ("max-age=?0", None),
        ("foo, max-age=60;x=1", 60),
        ("max-age=:YQ==:", 0),
    ],
)
def test_targeted_max_age_is_an_integer(value: str, seconds: int | None) -> None:
    read = parse_targeted_directives(value)
    assert read is not None
    assert read.max_age == seconds


def test_targeted_field_lists() -> None:
    read = parse_targeted_directives('no-cache="a, b", private, no-store=?0')
    assert read is not None
    assert read.unstored_fields == {"a", "b"}
    assert (read.private, read.no_store) == (True, False)


@pytest.mark.parametrize("argument", ["a", "1", "1.5", "@1", ":YQ==:", "(a b)", '%"a"'])
def test_targeted_list_of_the_wrong_type_covers_all(argument: str) -> None:
    read = parse_targeted_directives(f"no-cache={argument}, private={argument}")
    assert read is not None
    assert (read.no_cache, read.private, read.unstored_fields) == (True, True, frozenset())


@pytest.mark.parametrize("pragma", ["no-cache", "x, No-Cache"])
def test_pragma_counts_without_cache_control(pragma: str) -> None:
    assert parse_request_directives(None, pragma).no_cache
    assert not parse_request_directives("x", pragma).no_cache


@pytest.mark.parametrize("pragma", [None, "extension"])
def test_other_pragma_says_nothing(pragma: str | None) -> None:
    assert parse_request_directives(None, pragma) == RequestDirectives()


def test_all_directives_of_a_request() -> None:
    read = parse_request_directives(
        "max-age=1, max-stale=2, min-fresh=3, stale-if-error=4, no-cache, no-store, only-if-cached",
        None,
    )
    assert read == RequestDirectives(1, 2, 3, 4, True, True, True)


def test_max_stale_alone_accepts_any_age() -> None:
    assert parse_request_directives("max-stale", None).max_stale == MAX_SECONDS


def test_malformed_max_stale_accepts_none() -> None:
    assert parse_request_directives("max-stale=x", None).max_stale == 0
