from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.freshness import control_of
from middleware.cache.policy import CachePolicy
from middleware.cache.storing import Asked, reason_not_to_store, storable_headers
from tests.middleware.cache.around import NOON

ANYONE = Asked()
FRESH = ("Cache-Control", "max-age=60")


def refusal(
    *headers: tuple[str, str], status: int = 200, asked: Asked = ANYONE, **policy: Any
) -> str | None:
    fields, chosen = list(headers), CachePolicy(**policy)
    control = control_of(fields, chosen)
    return reason_not_to_store(asked, status, fields, control, NOON, chosen)


def with_directives(value: str) -> tuple[str, str]:
    return ("Cache-Control", f"max-age=60, {value}")


@pytest.mark.parametrize("status", [200, 204, 299, 301, 302, 404, 410, 499, 500, 503, 599])
def test_final_status_with_lifetime_is_stored(status: int) -> None:
    assert refusal(FRESH, status=status) is None


@pytest.mark.parametrize("status", [0, 103, 304, 401, 407, 412, 416, 428, 429, 431, 511, 600])
def test_other_status_is_not_stored(status: int) -> None:
    assert refusal(FRESH, status=status) == "status"


def test_request_may_forbid_storing() -> None:
    assert refusal(FRESH, asked=Asked(no_store=True)) == "request no-store"


@pytest.mark.parametrize("directive", ["no-store", "private"])
def test_response_may_forbid_storing(directive: str) -> None:
    assert refusal(with_directives(directive)) == directive


def test_private_fields_do_not_forbid_storing_the_rest() -> None:
    assert refusal(with_directives('private="x-a"')) is None


@pytest.mark.parametrize(("status", "reason"), [(200, None), (599, "no-store")])
def test_must_understand_overrules_no_store(status: int, reason: str | None) -> None:
    assert refusal(with_directives("no-store, must-understand"), status=status) == reason


def test_must_understand_alone_needs_understanding() -> None:
    assert refusal(with_directives("must-understand"), status=599) == "no-store"


def test_answer_to_a_signed_in_user_is_not_stored() -> None:
    assert refusal(FRESH, asked=Asked(authenticated=True)) == "authorization"


@pytest.mark.parametrize("directive", ["public", "must-revalidate", "s-maxage=60"])
def test_answer_to_a_signed_in_user_may_be_shared(directive: str) -> None:
    assert refusal(with_directives(directive), asked=Asked(authenticated=True)) is None


@pytest.mark.parametrize("vary", ["*", ", *", "Accept, *"])
def test_vary_star_is_not_stored(vary: str) -> None:
    assert refusal(FRESH, ("Vary", vary)) == "vary *"


def test_star_on_its_own_line_counts() -> None:
    assert refusal(FRESH, ("Vary", ""), ("Vary", "*")) == "vary *"


def test_set_cookie_is_not_stored_unless_wanted() -> None:
    cookie = ("Set-Cookie", "a=b")
    assert refusal(FRESH, cookie) == "set-cookie"
    assert refusal(FRESH, cookie, store_set_cookie=True) is None


@pytest.mark.parametrize("directive", ["private", "no-cache"])
def test_cookie_that_is_not_stored_does_not_keep_out_the_rest(directive: str) -> None:
    assert refusal(with_directives(f'{directive}="Set-Cookie"'), ("Set-Cookie", "a=b")) is None


def test_unlisted_status_needs_a_lifetime() -> None:
    assert refusal(("ETag", '"a"'), status=201) == "no freshness"


def test_what_could_never_be_used_is_not_stored() -> None:
    assert refusal() == "neither fresh nor to be validated"


@pytest.mark.parametrize(
    "header",
    [
        ("ETag", '"a"'),
        ("Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT"),
        ("Cache-Control", "max-age=0, stale-while-revalidate=5"),
    ],
)
def test_what_can_be_validated_or_served_stale_is_stored(header: tuple[str, str]) -> None:
    assert refusal(header) is None


def test_hop_by_hop_and_listed_fields_are_left_out() -> None:
    headers = [
        ("Connection", "X-Hop, close"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authenticate", "Basic"),
        ("Cache-Control", 'no-cache="x-secret"'),
        ("X-Secret", "1"),
        ("X-Kept", "1"),
    ]
    directives = control_of(headers, CachePolicy()).directives
    assert [name for name, _ in storable_headers(headers, directives)] == [
        "Cache-Control",
        "X-Kept",
    ]


WORDS = [
    "max-age=60",
    "s-maxage=5",
    "public",
    "must-revalidate",
    "must-understand",
    "no-cache",
    "x",
]


@given(
    st.lists(st.sampled_from(WORDS)),
    st.sampled_from(["no-store", "private", "No-Store", "PRIVATE=1"]),
    st.randoms(),
    st.integers(100, 700),
)
def test_forbidden_response_is_never_stored(
    words: list[str], forbidding: str, random: Any, status: int
) -> None:
    words = [word for word in words if word != "must-understand"] + [forbidding]
    random.shuffle(words)
    assert refusal(("Cache-Control", ", ".join(words)), status=status) is not None


@given(st.lists(st.sampled_from(WORDS)), st.integers(200, 599))
def test_signed_in_answer_needs_leave(words: list[str], status: int) -> None:
    leave = {"s-maxage=5", "public", "must-revalidate"}
    headers = ("Cache-Control", ", ".join(words))
    if refusal(headers, status=status, asked=Asked(authenticated=True)) is None:
        assert leave & set(words)
