from __future__ import annotations

import pytest

from middleware.cache.invalidation import (
    MAX_GROUPS,
    dropped_groups,
    group_names,
    groups_of,
    invalidated_uris,
    is_error,
    resolve,
)
from middleware.cache.prefixes import prefix_groups

KEY = "http://a.test/rooms/1?x=y"


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("2", "http://a.test/rooms/2"),
        ("/x%7e", "http://a.test/x~"),
        ("/rooms/2/a-b_c", "http://a.test/rooms/2/a-b_c"),
        ("/rooms/../x", "http://a.test/x"),
        ("http://A.test:80/x", "http://a.test/x"),
        ("", KEY),
        ("http://b.test/x", None),
        ("https://a.test/x", None),
        ("//b.test/x", None),
        ("http://[/", None),
        ("mailto:x", None),
    ],
)
def test_references_of_the_same_origin(reference: str, key: str | None) -> None:
    assert resolve(KEY, reference) == key


def test_request_and_both_locations_are_invalid() -> None:
    headers = [("Location", "/a"), ("Content-Location", "/b")]
    assert invalidated_uris(KEY, headers) == [KEY, "http://a.test/a", "http://a.test/b"]


def test_other_origins_are_left_alone() -> None:
    assert invalidated_uris(KEY, [("Location", "http://b.test/")]) == [KEY]


@pytest.mark.parametrize(
    ("status", "error"), [(200, False), (303, False), (399, False), (404, True), (500, True)]
)
def test_errors_invalidate_nothing(status: int, error: bool) -> None:
    assert is_error(status) is error


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('"a", "b c"', ["a", "b c"]),
        ('"a";x=1', ["a"]),
        ("", []),
        ("a", []),
        ('"a", b', []),
        ('"a", ("b")', []),
        ('"a", 1', []),
        ('"a', []),
    ],
)
def test_groups_are_a_list_of_strings(value: str, names: list[str]) -> None:
    assert group_names([("Cache-Groups", value)], "cache-groups") == names


def test_no_field_means_no_groups() -> None:
    assert group_names([], "cache-groups") == []


def test_number_of_groups_is_bounded() -> None:
    value = ", ".join(['"a"'] * 1000)
    assert len(group_names([("Cache-Groups", value)], "cache-groups")) == MAX_GROUPS


def test_response_is_in_its_own_group_and_those_it_names() -> None:
    names = groups_of([("Cache-Groups", '"room-1"')], KEY)
    assert names == (KEY, *prefix_groups(KEY), "room-1", "http://a.test room-1")


def test_groups_drop_for_their_origin_only() -> None:
    assert dropped_groups(KEY, [("Cache-Group-Invalidation", '"room-1"')]) == [
        "http://a.test room-1"
    ]
