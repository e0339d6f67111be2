from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.directives import RequestDirectives
from middleware.cache.entry import Entry
from middleware.cache.policy import CachePolicy
from middleware.cache.reuse import decide, may_serve_after_error
from tests.middleware.cache.around import NOON, entry

GET = {"REQUEST_METHOD": "GET"}
SECONDS = st.integers(0, 100)
RESPONSE = st.lists(
    st.one_of(
        st.sampled_from(["no-cache", "must-revalidate", "proxy-revalidate", "public", "x"]),
        st.builds(
            "{}={}".format,
            st.sampled_from(
                ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "no-cache"]
            ),
            SECONDS,
        ),
    ),
    max_size=5,
).map(lambda words: ("Cache-Control", ", ".join(words)))
REQUEST = st.builds(
    RequestDirectives,
    max_age=st.none() | SECONDS,
    max_stale=SECONDS,
    min_fresh=SECONDS,
    stale_if_error=st.none() | SECONDS,
    no_cache=st.booleans(),
)
ENTRIES = RESPONSE.map(lambda header: entry(header))


def current(one: Entry) -> bool:
    return True


@given(ENTRIES, REQUEST, st.integers(0, 400))
def test_nothing_is_served_against_what_was_said(
    one: Entry, asked: RequestDirectives, age: int
) -> None:
    decision = decide([one], GET, asked, NOON + age, current)
    if not decision.may_serve:
        return
    directives = one.directives
    assert not directives.no_cache
    assert not asked.no_cache
    assert asked.max_age is None or age <= asked.max_age
    assert not asked.min_fresh or one.lifetime - age >= asked.min_fresh
    if age >= one.lifetime:
        stale = age - one.lifetime
        assert not directives.forbids_stale
        assert stale <= max(asked.max_stale, directives.stale_while_revalidate)


@given(ENTRIES, st.integers(0, 400))
def test_fresh_response_is_served_to_a_plain_request(one: Entry, age: int) -> None:
    decision = decide([one], GET, RequestDirectives(), NOON + age, current)
    fresh = age < one.lifetime and not one.directives.no_cache
    assert decision.may_serve == (fresh or decision.revalidate)
    assert (one.fresh_until > NOON + age) == fresh, "the short way for hits says the same"


@given(ENTRIES, REQUEST, st.integers(0, 400))
def test_dropped_response_is_never_served(one: Entry, asked: RequestDirectives, age: int) -> None:
    decision = decide([one], GET, asked, NOON + age, lambda dropped: False)
    assert not decision.may_serve
    assert decision.entry is one, "but may be validated"


@given(RESPONSE, REQUEST, st.integers(0, 400), st.booleans(), SECONDS)
def test_error_is_hidden_only_where_that_is_allowed(
    header: tuple[str, str], asked: RequestDirectives, age: int, disconnected: bool, days: int
) -> None:
    policy = CachePolicy(stale_if_error_seconds=days, stale_when_disconnected_seconds=2 * days)
    one = entry(header, policy=policy)
    if may_serve_after_error(one, asked, NOON + age, disconnected=disconnected):
        directives = one.directives
        assert not directives.forbids_stale
        own = directives.stale_if_error
        windows = [
            days if own is None else own,
            asked.stale_if_error or 0,
            2 * days if disconnected else 0,
        ]
        assert age - one.lifetime <= max(windows)


def test_nothing_stored_is_a_miss() -> None:
    assert decide([], GET, RequestDirectives(), NOON, current).reason == "uri-miss"
