from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.http import parse_cookie

from middleware.prerouting import PreRoutingMiddleware, Split
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, Exchange, answering, serve


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return PreRoutingMiddleware(app, [Split("page", {"old": 1, "new": 1})])


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", HTML), ("Vary", "Accept")])
    return [environ["middleware.split.page"].encode()]


def served(rule: Split, cookie: str = "", **options: Any) -> Exchange:
    headers = {"Cookie": cookie} if cookie else {}
    return serve(PreRoutingMiddleware(echo, [rule]), headers=headers, **options)


def test_new_client_gets_a_cookie() -> None:
    done = served(Split("page", {"only": 1}, max_age_seconds=60))
    expected = "split-page=only; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    assert done.header("Set-Cookie") == expected


def test_cookie_is_secure_by_tls() -> None:
    done = served(Split("page", {"only": 1}), base_url="https://localhost/")
    assert (done.header("Set-Cookie") or "").endswith("; Secure")


@pytest.mark.parametrize("variant", ["old", "new"])
def test_client_keeps_its_variant(variant: str) -> None:
    rule = Split("page", {"old": 1, "new": 1})
    done = served(rule, f"a=b; split-page={variant}; c=d")
    assert done.content == variant.encode()
    assert done.header("Set-Cookie") is None


def test_cookie_given_is_the_cookie_kept() -> None:
    rule = Split("page", {"old": 1, "new": 1})
    first = served(rule)
    pair = (first.header("Set-Cookie") or "").partition(";")[0]
    assert parse_cookie(pair).to_dict() == {"split-page": first.content.decode()}
    assert served(rule, pair).content == first.content


@pytest.mark.parametrize(
    "cookie", ["split-page=gone", "x-split-page=new", "split-page", "a=split-page"]
)
def test_other_cookie_is_replaced(cookie: str) -> None:
    done = served(Split("page", {"old": 1, "new": 0}), cookie)
    assert done.content == b"old"
    assert done.header("Set-Cookie") is not None


@pytest.mark.parametrize("cookie", ["", "split-page=only"])
def test_response_varies_by_cookie(cookie: str) -> None:
    assert served(Split("page", {"only": 1}), cookie).header("Vary") == "Accept, Cookie"


def test_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each number that can be drawn once, instead of many drawn at random.
    drawn = iter(range(10))
    monkeypatch.setattr("secrets.randbelow", lambda bound: next(drawn) % bound)
    rule = Split("page", {"old": 7, "never": 0, "new": 3})
    assert Counter(rule.draw() for _ in range(10)) == {"old": 7, "new": 3}


def test_variant_may_be_another_application() -> None:
    rule = Split("page", {"old": 1, "new": 1}, apps={"new": answering([b"app"])})
    assert served(rule, "split-page=new").content == b"app"
    assert served(rule, "split-page=old").content == b"old"


@pytest.mark.parametrize(
    ("name", "weights", "why"),
    [
        ("a b", {"x": 1}, "tokens"),
        ("a", {"x;y": 1}, "tokens"),
        ("a", {"x": 0}, "weights"),
        ("a", {"x": 2, "y": -1}, "weights"),
    ],
)
def test_bad_experiment_is_refused(name: str, weights: Mapping[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Split(name, weights)
