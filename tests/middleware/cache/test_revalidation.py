from __future__ import annotations

import pytest

from middleware.cache.dates import format_date
from middleware.cache.revalidation import conditions_for, entry_to_update, updated_headers
from tests.middleware.cache.around import NOON, entry

EARLIER, LATER = format_date(NOON - 60), format_date(NOON + 60)


def test_stored_validators_become_conditions() -> None:
    entries = [entry(("ETag", '"a"'), ("Last-Modified", EARLIER)), entry(("ETag", 'W/"b"'))]
    assert conditions_for(entries, by_etag=False) == {
        "HTTP_IF_NONE_MATCH": '"a", W/"b"',
        "HTTP_IF_MODIFIED_SINCE": EARLIER,
    }
    assert conditions_for(entries, by_etag=True) == {"HTTP_IF_NONE_MATCH": '"a", W/"b"'}


def test_nothing_stored_makes_no_conditions() -> None:
    assert conditions_for([], by_etag=False) == {}


STRONG = entry(("ETag", '"a"'), ("Last-Modified", EARLIER))
WEAK = entry(("ETag", 'W/"b"'), ("Last-Modified", LATER))


@pytest.mark.parametrize(
    ("headers", "by_etag", "index"),
    [
        ([("ETag", '"a"')], False, 0),
        ([("ETag", '"b"')], False, None),
        ([("ETag", 'W/"b"')], True, 1),
        ([("ETag", 'W/"c"')], False, None),
        ([("Last-Modified", LATER)], False, 1),
        ([("Last-Modified", LATER)], True, None),
        ([("Last-Modified", "Sat, 21 Nov 2020 10:00:00 GMT")], False, None),
        ([], False, None),
    ],
)
def test_304_selects_what_it_speaks_of(
    headers: list[tuple[str, str]], by_etag: bool, index: int | None
) -> None:
    chosen = entry_to_update([STRONG, WEAK], headers, by_etag=by_etag)
    assert chosen is (None if index is None else (STRONG, WEAK)[index])


def test_304_without_validators_speaks_of_the_only_one() -> None:
    assert entry_to_update([STRONG], [], by_etag=False) is STRONG


def test_update_replaces_fields_and_keeps_the_rest() -> None:
    stored = [("X-A", "1"), ("X-B", "1"), ("Content-Length", "5"), ("Age", "9")]
    new = [("x-a", "2"), ("Content-Length", "0"), ("Connection", "close"), ("Date", EARLIER)]
    assert updated_headers(stored, new, NOON) == [
        ("X-B", "1"),
        ("Content-Length", "5"),
        ("x-a", "2"),
        ("Date", EARLIER),
    ]


def test_update_without_date_counts_from_now() -> None:
    assert updated_headers([("Date", EARLIER)], [], NOON) == [("Date", format_date(NOON))]
