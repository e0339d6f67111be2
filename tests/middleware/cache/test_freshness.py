from __future__ import annotations

import pytest

from middleware.cache.dates import format_date
from middleware.cache.freshness import (
    Control,
    age_value,
    control_of,
    date_of,
    freshness_lifetime,
    initial_age,
)
from middleware.cache.policy import CachePolicy
from tests.middleware.cache.around import NOON

DATE = ("Date", format_date(NOON))
DAY = 86_400
TARGETED = CachePolicy(targeted_field="CDN-Cache-Control")


def lifetime(
    *headers: tuple[str, str], status: int = 200, policy: CachePolicy | None = None
) -> int:
    fields = list(headers)
    policy = policy or CachePolicy()
    return freshness_lifetime(status, fields, control_of(fields, policy), NOON, policy)


def at(seconds: float) -> str:
    return format_date(NOON + seconds)


def test_s_maxage_overrules_max_age() -> None:
    assert lifetime(("Cache-Control", "max-age=1, s-maxage=60")) == 60


def test_max_age_overrules_expires() -> None:
    assert lifetime(("Cache-Control", "max-age=60"), ("Expires", "0"), DATE) == 60


def test_expires_counts_from_date() -> None:
    assert lifetime(("Expires", at(300)), ("Date", at(100))) == 200


def test_expires_counts_from_arrival_without_date() -> None:
    assert lifetime(("Expires", at(300)), ("Date", "foo")) == 300


@pytest.mark.parametrize("expires", ["0", "", "tomorrow", at(-1)])
def test_invalid_or_past_expires_is_stale(expires: str) -> None:
    assert lifetime(("Expires", expires), DATE, ("Last-Modified", at(-DAY))) == 0


def test_two_lines_of_expires_are_invalid() -> None:
    assert lifetime(("Expires", at(60)), ("Expires", at(60)), DATE) == 0


def test_heuristic_is_a_tenth_of_the_time_unchanged() -> None:
    assert lifetime(("Last-Modified", at(-1000)), DATE) == 100


def test_heuristic_ends_somewhere() -> None:
    assert lifetime(("Last-Modified", at(-1000 * DAY)), DATE) == DAY


def test_heuristic_can_be_turned_off() -> None:
    off = CachePolicy(heuristic_fraction=0)
    assert lifetime(("Last-Modified", at(-1000)), DATE, policy=off) == 0


@pytest.mark.parametrize(("status", "seconds"), [(404, 100), (201, 0), (503, 0), (599, 0)])
def test_heuristic_is_for_some_statuses(status: int, seconds: int) -> None:
    assert lifetime(("Last-Modified", at(-1000)), DATE, status=status) == seconds


def test_public_lets_any_status_have_a_heuristic() -> None:
    headers = [("Last-Modified", at(-1000)), DATE, ("Cache-Control", "public")]
    assert lifetime(*headers, status=599) == 100


def test_nothing_to_go_by_is_stale() -> None:
    assert lifetime(DATE) == 0


def test_targeted_field_overrules_all_others() -> None:
    headers = [("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "max-age=1, no-store")]
    assert lifetime(*headers, policy=TARGETED) == 60
    assert not control_of(headers, TARGETED).directives.no_store


def test_targeted_field_without_lifetime_leaves_expires_out() -> None:
    headers = [("CDN-Cache-Control", "public"), ("Expires", at(60)), DATE]
    assert lifetime(*headers, policy=TARGETED) == 0


def test_invalid_targeted_field_is_not_there() -> None:
    headers = [("CDN-Cache-Control", "&"), ("Cache-Control", "max-age=1")]
    assert control_of(headers, TARGETED) == Control(control_of(headers[1:], TARGETED).directives)


def test_without_targeted_field_cache_control_counts() -> None:
    assert lifetime(("Cache-Control", "max-age=1"), policy=TARGETED) == 1


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        ("5", 5),
        ("5, 9", 5),
        ("abc", 0),
        ("-5", 0),
        ("5.0", 0),
        ("5;x=1", 0),
        ("", 0),
        ("99999999999", 2**31),
        ("9" * 5000, 2**31),
    ],
)
def test_age_is_read_strictly(age: str, seconds: int) -> None:
    assert age_value([("Age", age)]) == seconds


def test_initial_age_is_what_the_date_shows() -> None:
    assert initial_age([("Date", at(-30)), ("Age", "10")], NOON, NOON) == 30


def test_initial_age_counts_the_delay_of_the_response() -> None:
    assert initial_age([DATE, ("Age", "10")], NOON - 5, NOON) == 15


def test_date_of_the_future_is_no_age() -> None:
    assert initial_age([("Date", at(30))], NOON, NOON) == 0


def test_fraction_of_a_second_is_no_age() -> None:
    assert initial_age([DATE], NOON + 0.9, NOON + 0.9) == 0


def test_arrival_stands_in_for_date() -> None:
    assert date_of([], NOON + 0.5) == NOON
