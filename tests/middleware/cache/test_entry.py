from __future__ import annotations

from middleware.cache.dates import format_date
from middleware.cache.policy import CachePolicy
from middleware.cache.ranges import Span
from middleware.cache.stores.memory import MemoryBody
from tests.middleware.cache.around import NOON, entry

FRESH = ("Cache-Control", "max-age=60")


def test_age_grows_from_what_it_was() -> None:
    aged = entry(FRESH, ("Age", "10"))
    assert aged.age(NOON + 5) == 15
    assert aged.staleness(NOON + 55) == 5


def test_age_is_never_negative() -> None:
    assert entry(FRESH).age(NOON - 5) == 0


def test_no_cache_is_never_fresh() -> None:
    assert entry(("Cache-Control", "max-age=60, no-cache")).fresh_until == 0


def test_replay_has_date_and_length_and_no_old_age() -> None:
    headers = dict(entry(FRESH, ("Age", "10")).headers)
    assert headers["Content-Length"] == "5"
    assert headers["Date"] == format_date(NOON)
    assert "Age" not in headers


def test_date_is_added_where_there_is_none() -> None:
    made = entry(FRESH)
    again = made.updated(
        [FRESH], selecting=(), request_time=NOON, response_time=NOON + 9, started=2
    )
    assert ("Date", format_date(NOON + 9)) in again.headers


def test_204_gets_no_length() -> None:
    assert "Content-Length" not in dict(entry(FRESH, body=b"", status="204 No Content").headers)


def test_length_of_the_response_is_kept() -> None:
    assert dict(entry(("content-length", "5")).headers)["content-length"] == "5"


def test_update_keeps_the_name_unless_it_is_another_variant() -> None:
    made = entry(FRESH)
    times = {"request_time": NOON, "response_time": NOON, "started": 2}
    assert made.updated([FRESH], selecting=(), **times).id == made.id  # type: ignore[arg-type]
    other = (("HTTP_FOO", "1"),)
    assert made.updated([FRESH], selecting=other, **times).id != made.id  # type: ignore[arg-type]


def test_joined_whole_is_a_200() -> None:
    part = entry(
        FRESH,
        ("Content-Range", "bytes 0-4/10"),
        ("Age", "10"),
        status="206 Partial Content",
        span=Span(0, 5, 10),
    )
    whole = part.joined(MemoryBody((b"0123456789",)), Span(0, 10, 10))
    assert (whole.status, whole.span, whole.age(NOON)) == ("200 OK", None, 10)
    assert "Content-Range" not in dict(whole.headers)
    assert dict(whole.headers)["Content-Length"] == "10"


def test_joined_part_says_which() -> None:
    part = entry(FRESH, status="206 Partial Content", span=Span(0, 5, 10))
    larger = part.joined(MemoryBody((b"0123456",)), Span(0, 7, 10))
    assert larger.status == "206 Partial Content"
    assert dict(larger.headers)["Content-Range"] == "bytes 0-6/10"


def test_kept_for_as_long_as_it_may_be_used() -> None:
    policy = CachePolicy(stale_when_disconnected_seconds=100)
    assert entry(FRESH, policy=policy).keep_seconds(NOON) == 161
    stale = entry(("Cache-Control", "max-age=1, stale-if-error=500"), policy=policy)
    assert stale.keep_seconds(NOON + 10) == 501


def test_validators_are_known() -> None:
    assert entry(("ETag", '"a"')).has_validator
    assert entry(("Last-Modified", format_date(NOON))).has_validator
    assert not entry(FRESH).has_validator


def test_without_last_modified_date_counts() -> None:
    assert entry().modified_by == NOON
    assert entry(("Last-Modified", format_date(NOON - 9))).modified_by == NOON - 9
