"""What users of other caches reported, asked of this one, with both stores.

Each case names the report and the clause. The public test suite for caches does not ask it, or in
one way only. "NAME#NUMBER" is https://github.com/NAME/issues/NUMBER.
"""

from __future__ import annotations

from typing import Any

import pytest

from middleware.cache.dates import format_date
from middleware.cache.stores import Store
from tests.middleware.cache.around import NOON, TEXT, Client, Origin, fresh, status_of
from tests.middleware.serving import Exchange


class Answers:
    """An application that gives one response after another, and the last one ever again."""

    def __init__(self, *answers: tuple[str, list[tuple[str, str]], bytes]) -> None:
        self.answers = list(answers)
        self.seen: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen.append(dict(environ))
        status, headers, body = self.answers[min(len(self.seen), len(self.answers)) - 1]
        start_response(status, headers)
        return [body]

    @property
    def calls(self) -> int:
        return len(self.seen)


def ok(
    body: bytes = b"hello", *fields: tuple[str, str]
) -> tuple[str, list[tuple[str, str]], bytes]:
    return "200 OK", [TEXT, *fields], body


def is_hit(exchange: Exchange) -> bool:
    return "; hit" in status_of(exchange)


def lasts(seconds: int = 60, *more: str) -> tuple[str, str]:
    return "Cache-Control", ", ".join([f"max-age={seconds}", *more])


def test_private_with_a_lifetime_is_not_shared(kept: Store) -> None:
    """django/django#9667 (ticket 28833); RFC 9111 section 5.2.2.7."""
    client = Client(Origin(cache_control="Private, max-age=60"), store=kept)
    client.ask()
    assert not is_hit(client.ask())
    assert client.app.calls == 2


@pytest.mark.parametrize("fields", ["Set-Cookie, X-User", ""])
def test_private_fields_are_not_given_to_others(kept: Store, fields: str) -> None:
    """http-tests/cache-tests#182, apache/httpcomponents-client#868; RFC 9111 section 5.2.2.7."""
    headers = [lasts(60, f'private="{fields}"'), ("X-User", "ann"), ("X-Kept", "yes")]
    client = Client(Answers(ok(b"hello", *headers)), store=kept)
    assert client.ask().header("X-User") == "ann"
    again = client.ask()
    assert not is_hit(again) or again.header("X-User") is None
    assert again.header("X-Kept") == "yes"


@pytest.mark.parametrize("directive", ["no-cache", "NO-CACHE"])
def test_no_cache_with_a_lifetime_is_validated(kept: Store, directive: str) -> None:
    """django/django#19748, nodejs/undici#4173; RFC 9111 section 5.2.2.4."""
    client = Client(Origin(cache_control=f"max-age=60, {directive}", etag='"a"'), store=kept)
    client.ask()
    assert client.ask().content == b"hello"
    assert client.app.seen[1]["HTTP_IF_NONE_MATCH"] == '"a"'


def test_no_store_among_others_is_not_stored(kept: Store) -> None:
    """django/django#19748; RFC 9111 section 5.2.2.5."""
    client = Client(Origin(cache_control="public, max-age=60, no-store"), store=kept)
    client.ask()
    assert not is_hit(client.ask())


def test_answer_to_a_signed_in_client_is_not_shared(kept: Store) -> None:
    """CVE-2026-35193 of Django, nodejs/undici#4911; RFC 9111 section 3.5."""
    client = Client(fresh(), store=kept)
    client.ask(Authorization="Basic YW5uOnNlY3JldA==")
    assert not is_hit(client.ask())
    assert not is_hit(client.ask("/other", Authorization="Basic YW5uOnNlY3JldA=="))
    assert not is_hit(client.ask("/other", Authorization="Basic Ym9iOnNlY3JldA=="))


def test_cookie_that_is_taken_back_is_not_given_to_all(kept: Store) -> None:
    """django/django#11094 (ticket 29471); RFC 9111 section 7.3."""
    cookie = ("Set-Cookie", "sessionid=; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")
    client = Client(Answers(ok(b"bye", lasts(), cookie)), store=kept)
    client.ask(Cookie="sessionid=gone")
    assert not is_hit(client.ask())


def test_schemes_and_ports_do_not_share_answers(kept: Store) -> None:
    """django/django#1341 (ticket 20346); RFC 9111 section 2, RFC 3986 section 6.2.3."""
    client = Client(fresh(), store=kept)
    client.ask(Host="example.org")
    assert is_hit(client.ask(Host="EXAMPLE.org:80"))
    assert not is_hit(client.ask(Host="example.org:8080"))
    assert not is_hit(client.ask(Host="example.com"))


@pytest.mark.parametrize("expires", ["-1", "0", "", "not-a-date", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_expires_that_is_no_date_is_in_the_past(kept: Store, expires: str) -> None:
    """requests-cache/requests-cache#1090, karpetrosyan/hishel#467; RFC 9111 section 5.3.

    It is not as if the field were missing: no lifetime is guessed from Last-Modified
    (WebKit/WebKit#67293).
    """
    headers = [("Expires", expires), ("Last-Modified", format_date(NOON - 1_000_000))]
    client = Client(Answers(ok(b"hello", *headers)), store=kept)
    client.ask()
    assert not is_hit(client.ask())


@pytest.mark.parametrize("lifetime", ["max-age=60", "s-maxage=60"])
def test_lifetime_wins_over_expires(kept: Store, lifetime: str) -> None:
    """jonbaldie/varnish#55, pagespeed/page-speed#171; RFC 9111 section 5.3."""
    client = Client(Origin(cache_control=lifetime, expires="0"), store=kept)
    client.ask()
    assert is_hit(client.ask())


def test_cache_control_without_a_lifetime_leaves_expires_its_say(kept: Store) -> None:
    """catchpoint/WebPageTest.agent#333; RFC 9111 section 4.2.1."""
    client = Client(
        Origin(cache_control="public", expires=format_date(NOON + 60), date=format_date(NOON)),
        store=kept,
    )
    client.ask()
    assert is_hit(client.ask())


@pytest.mark.parametrize(
    "value", ["max-age=abc", "max-age=-1", "max-age", "max-age=1.5", "max-age="]
)
def test_lifetime_that_is_no_number_is_over(kept: Store, value: str) -> None:
    """karpetrosyan/hishel#104; RFC 9111 section 4.2.1."""
    client = Client(Origin(cache_control=value), store=kept)
    assert client.ask().status == "200 OK"
    assert not is_hit(client.ask())


def test_response_without_a_date_ages(kept: Store) -> None:
    """msqd/harp#963, of hishel; RFC 9110 section 6.6.1, RFC 9111 section 4.2.3."""
    client = Client(Origin(cache_control="max-age=1"), store=kept)
    client.ask()
    client.clock.pass_by(3)
    assert not is_hit(client.ask())


@pytest.mark.parametrize("date", ["Sat, 01 Oct 2022 7:19:16 GMT", "0", "yesterday"])
def test_date_that_is_none_makes_no_age_of_decades(kept: Store, date: str) -> None:
    """tempesta-tech/tempesta#1706; RFC 9110 section 6.6.1."""
    client = Client(Origin(cache_control="max-age=60", date=date), store=kept)
    client.ask()
    client.clock.pass_by(5)
    again = client.ask()
    assert not is_hit(again) or again.header("Age") == "5"


def test_error_in_revalidation_may_be_replaced(kept: Store) -> None:
    """requests-cache/requests-cache#995, apache/trafficserver#1575; RFC 5861 section 4."""
    good = ok(b"good", lasts(60, "stale-if-error=600"), ("ETag", '"a"'))
    client = Client(Answers(good, ("503 Later", [TEXT], b"down")), store=kept)
    client.ask()
    client.clock.pass_by(61)
    assert client.ask().content == b"good"


def test_error_may_be_replaced_without_a_validator_too(kept: Store) -> None:
    """meziantou/Meziantou.Framework#3024; RFC 5861 section 4."""
    good = ok(b"good", lasts(60, "stale-if-error=600"))
    client = Client(Answers(good, ("503 Later", [TEXT], b"down")), store=kept)
    client.ask()
    client.clock.pass_by(61)
    assert client.ask().content == b"good"


@pytest.mark.parametrize("directive", ["must-revalidate", "proxy-revalidate", "s-maxage=60"])
def test_nothing_makes_stale_what_must_be_validated(kept: Store, directive: str) -> None:
    """requests-cache/requests-cache#602, nodejs/undici#5508; RFC 9111 section 4.2.4."""
    good = ok(b"good", lasts(60, directive, "stale-if-error=600"), ("ETag", '"a"'))
    client = Client(Answers(good, ("503 Later", [TEXT], b"down")), store=kept)
    client.ask()
    client.clock.pass_by(61)
    assert client.ask(Cache_Control="max-stale=600").content == b"down"
    assert client.app.calls == 2


def test_request_for_validation_has_the_stored_tag(kept: Store) -> None:
    """requests-cache/requests-cache#541; RFC 9111 section 5.2.1.4."""
    client = Client(fresh(etag='"a"'), store=kept)
    client.ask()
    assert client.ask(Cache_Control="no-cache").content == b"hello"
    assert client.app.seen[1]["HTTP_IF_NONE_MATCH"] == '"a"'


def test_vary_on_everything_is_no_hit(kept: Store) -> None:
    """psf/cachecontrol#202, darkweak/souin#192; RFC 9111 section 4.1."""
    for value in ("*", "Accept, *"):
        client = Client(fresh(vary=value), store=kept)
        client.ask("/star")
        assert not is_hit(client.ask("/star"))


def test_variant_that_may_not_be_stored_leaves_the_others(kept: Store) -> None:
    """psf/cachecontrol#173; RFC 9111 section 4.1."""
    vary = ("Vary", "Accept")
    client = Client(
        Answers(ok(b"a", lasts(), vary), ok(b"b", ("Cache-Control", "no-store"), vary)), store=kept
    )
    client.ask(Accept="a")
    assert client.ask(Accept="b").content == b"b"
    assert is_hit(client.ask(Accept="a"))


def test_vary_on_a_field_that_nobody_sent_is_a_hit(kept: Store) -> None:
    """platformatic/undici-cache-redis#53; RFC 9111 section 4.1."""
    client = Client(fresh(vary="Accept-Language, X-Team"), store=kept)
    client.ask()
    assert is_hit(client.ask())
    assert not is_hit(client.ask(X_Team="red"))
    assert not is_hit(client.ask(Accept_Language="de"))


def test_each_line_of_vary_counts(kept: Store) -> None:
    """nginx ticket 1423 (eustas/ngx_brotli#26); RFC 9110 section 5.3."""
    headers = [lasts(), ("Vary", "Accept-Encoding"), ("Vary", "X-Requested-With")]
    client = Client(Answers(ok(b"hello", *headers)), store=kept)
    client.ask(Accept_Encoding="gzip", X_Requested_With="a")
    assert is_hit(client.ask(Accept_Encoding="gzip", X_Requested_With="a"))
    assert not is_hit(client.ask(Accept_Encoding="gzip", X_Requested_With="b"))
    assert not is_hit(client.ask(Accept_Encoding="br", X_Requested_With="a"))


def test_each_line_of_cache_control_counts(kept: Store) -> None:
    """nginx before 1.23, which read the first line alone; RFC 9110 section 5.3."""
    headers = [lasts(), ("Cache-Control", "private")]
    client = Client(Answers(ok(b"hello", *headers)), store=kept)
    client.ask()
    assert not is_hit(client.ask())


def test_variants_with_different_vary_live_side_by_side(kept: Store) -> None:
    """nginx ticket 955 (http-tests/cache-tests#54); RFC 9111 section 4.1."""
    client = Client(
        Answers(
            ok(b"old", lasts(), ("Vary", "X-Beta")),
            ok(b"new", lasts(), ("Vary", "X-Beta, Accept")),
        ),
        store=kept,
    )
    client.ask(Accept="a")
    client.ask(Accept="a", X_Beta="1")
    assert client.ask(Accept="a").content == b"old"
    assert client.ask(Accept="a", X_Beta="1").content == b"new"
    assert client.app.calls == 2


def test_304_freshens_its_variant_alone(kept: Store) -> None:
    """envoyproxy/envoy#23717; RFC 9111 section 4.3.4."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kind = environ.get("HTTP_ACCEPT", "")
        headers = [lasts(), ("Vary", "Accept"), ("ETag", f'"{kind}"')]
        if environ.get("HTTP_IF_NONE_MATCH"):
            start_response("304 Not Modified", [*headers, ("X-Seen", "again")])
            return []
        start_response("200 OK", [TEXT, *headers])
        return [kind.encode()]

    client = Client(app, store=kept)
    client.ask(Accept="a")
    client.clock.pass_by(30)
    client.ask(Accept="b")
    client.clock.pass_by(31)
    assert client.ask(Accept="a").header("X-Seen") == "again"
    other = client.ask(Accept="b")
    assert (other.content, other.header("X-Seen"), is_hit(other)) == (b"b", None, True)


def test_drop_takes_all_variants(kept: Store) -> None:
    """FRiCKLE/ngx_cache_purge#16 and #36; RFC 9111 section 4.4."""
    client = Client(fresh(vary="Accept"), store=kept)
    for kind in ("a", "b"):
        client.ask(Accept=kind)
    client.ask(method="POST", Accept="a")
    assert not is_hit(client.ask(Accept="a"))
    assert not is_hit(client.ask(Accept="b"))


def test_unsafe_methods_invalidate_whatever_they_are(kept: Store) -> None:
    """psf/cachecontrol#461, Kevinrob/guzzle-cache-middleware#149; RFC 9111 section 4.4."""
    client = Client(fresh(), store=kept)
    for method in ("POST", "PUT", "PATCH", "DELETE", "FROB"):
        client.ask()
        assert is_hit(client.ask())
        client.ask(method=method)
        assert not is_hit(client.ask())


def test_places_that_an_unsafe_response_names_are_invalid(kept: Store) -> None:
    """nodejs/undici#5509, jonbaldie/varnish#75; RFC 9111 section 4.4."""
    created = ("201 Created", [("Location", "/notes/1"), ("Content-Location", "/latest")], b"")
    client = Client(fresh(), store=kept)
    for path in ("/notes/1", "/latest", "/other"):
        client.ask(path)
    client.app, origin = Answers(created), client.app
    client.ask("/notes", "POST")
    client.app = origin
    assert [is_hit(client.ask(path)) for path in ("/notes/1", "/latest", "/other")] == [
        False, False, True,
    ]  # fmt: skip


def test_failed_unsafe_request_leaves_what_is_stored(kept: Store) -> None:
    """symfony/symfony#48301; RFC 9111 section 4.4."""
    client = Client(fresh(), store=kept)
    client.ask()
    client.app = Answers(("422 Unprocessable Content", [TEXT], b"no"))
    client.ask(method="POST")
    assert is_hit(client.ask())


def test_validation_repeats_last_modified_as_it_was(kept: Store) -> None:
    """nodejs/undici#5506, LadybirdBrowser/ladybird#7860; RFC 9110 section 13.1.3."""
    written = "Mon, 9 Feb 2026 21:46:56 +0000"
    client = Client(fresh(last_modified=written), store=kept)
    client.ask()
    client.clock.pass_by(61)
    client.ask()
    assert client.app.seen[1].get("HTTP_IF_MODIFIED_SINCE") in {written, None}
    bare = Client(fresh(), store=kept)
    bare.ask("/bare")
    bare.clock.pass_by(61)
    bare.ask("/bare")
    assert "HTTP_IF_MODIFIED_SINCE" not in bare.app.seen[1]


def test_tag_that_became_strong_is_asked_for_anew(kept: Store) -> None:
    """karpetrosyan/hishel#466; RFC 9111 section 4.3.4: no stored response has that validator."""
    client = Client(
        Answers(
            ok(b"old", lasts(), ("ETag", 'W/"a"')),
            ("304 Not Modified", [lasts(), ("ETag", '"a"')], b""),
            ok(b"new", lasts(), ("ETag", '"a"')),
        ),
        store=kept,
    )
    client.ask()
    client.clock.pass_by(61)
    assert client.ask().content in {b"old", b"new"}
    assert client.ask().status == "200 OK"
    assert is_hit(client.ask())


def test_304_does_not_say_how_long_the_body_is(kept: Store) -> None:
    """squid-cache/squid#378, varnishcache/varnish-cache#1797; RFC 9111 section 3.2."""
    etag = ("ETag", '"a"')
    wrong = [lasts(), etag, ("Content-Length", "0"), ("Content-Type", "text/html")]
    client = Client(
        Answers(ok(b"hello", lasts(), etag), ("304 Not Modified", wrong, b"")), store=kept
    )
    client.ask()
    client.clock.pass_by(61)
    for _ in range(2):
        again = client.ask()
        assert (again.content, again.header("Content-Length")) == (b"hello", "5")


def test_age_is_one_and_counts_that_of_the_cache_above(kept: Store) -> None:
    """varnishcache/varnish-cache#1955 and #3221; RFC 9111 section 4.2.3."""
    client = Client(fresh(age="10"), store=kept)
    client.ask()
    client.clock.pass_by(5)
    again = client.ask()
    assert [value for name, value in again.headers if name.lower() == "age"] == ["15"]
    client.clock.pass_by(46)
    assert not is_hit(client.ask())


def test_weak_tag_is_enough_for_a_304(kept: Store) -> None:
    """varnishcache/varnish-cache#1816; RFC 9110 section 13.1.2."""
    client = Client(fresh(etag='W/"a"'), store=kept)
    client.ask()
    for sent in ('W/"a"', '"a"', '"b", W/"a"'):
        assert client.ask(If_None_Match=sent).status == "304 Not Modified"
    assert client.app.calls == 1


def test_head_knows_the_length_and_leaves_the_get(kept: Store) -> None:
    """varnishcache/varnish-cache#4247, pallets-eco/flask-caching#270, psf/cachecontrol#216;
    RFC 9110 section 9.3.2, RFC 9111 section 4.3.5."""
    client = Client(fresh(b"four"), store=kept)
    client.ask(method="HEAD")
    assert client.ask().content == b"four"
    head = client.ask(method="HEAD")
    assert (head.content, head.header("Content-Length"), is_hit(head)) == (b"", "4", True)
    assert client.ask().content == b"four"


def test_part_is_right_before_and_after_the_whole_is_stored(kept: Store) -> None:
    """varnishcache/varnish-cache#1618 and #1643; RFC 9110 section 14.2."""
    client = Client(fresh(b"0123456789"), store=kept)
    for _ in range(2):
        part = client.ask(Range="bytes=2-4")
        assert (part.status[:3], part.content) in [("206", b"234"), ("200", b"0123456789")]
        client.ask()
    assert client.ask(Range="bytes=2-4").content == b"234"


@pytest.mark.parametrize("condition", ['W/"a"', '"b"', format_date(NOON), "nonsense"])
def test_part_of_another_representation_is_the_whole(kept: Store, condition: str) -> None:
    """apache/trafficserver#8741, which answered 416; RFC 9110 section 13.1.5."""
    client = Client(fresh(b"0123456789", etag='W/"a"'), store=kept)
    client.ask()
    whole = client.ask(Range="bytes=2-4", If_Range=condition)
    assert (whole.status, whole.content) == ("200 OK", b"0123456789")


@pytest.mark.parametrize(
    "wanted", ["bytes=", "bytes=-", "bytes=4-2", "bytes=a-b", "lines=1-2", "0-5", "bytes=0-1-2"]
)
def test_malformed_range_is_none(kept: Store, wanted: str) -> None:
    """apache/trafficserver#9265, which crashed; RFC 9110 section 14.2."""
    client = Client(fresh(b"0123456789"), store=kept)
    client.ask()
    assert client.ask(Range=wanted).content == b"0123456789"


def test_error_in_the_revalidation_of_a_part_is_an_error(kept: Store) -> None:
    """apache/trafficserver#11308, which made a 206 of it; RFC 9110 section 14.2."""
    client = Client(
        Answers(
            ok(b"0123456789", lasts(), ("ETag", '"a"')), ("404 Not Found", [TEXT], b"gone away")
        ),
        store=kept,
    )
    client.ask()
    client.clock.pass_by(61)
    part = client.ask(Range="bytes=2-4")
    assert (part.status, part.content) == ("404 Not Found", b"gone away")


def test_part_of_a_stale_response_that_is_still_right(kept: Store) -> None:
    """apache/trafficserver#6146, which answered 200; RFC 9111 section 4.3.4."""
    client = Client(fresh(b"0123456789", etag='"a"'), store=kept)
    client.ask()
    client.clock.pass_by(61)
    part = client.ask(Range="bytes=2-4")
    assert (part.status, part.content) == ("206 Partial Content", b"234")


def test_stored_error_ends_and_makes_room(kept: Store) -> None:
    """apache/trafficserver#12029 and #7417, squid-cache/squid#683 (bug 5051); RFC 9111 4.2."""
    bad = "404 Not Found", [TEXT, lasts(30)], b"no"
    client = Client(Answers(bad, bad, ok(b"yes", lasts())), store=kept)
    client.ask()
    assert is_hit(client.ask())
    for body in (b"no", b"yes"):
        client.clock.pass_by(31)
        assert client.ask().content == body


def test_min_fresh_is_not_max_stale(kept: Store) -> None:
    """squid-cache/squid#901; RFC 9111 sections 5.2.1.2 and 5.2.1.3."""
    client = Client(fresh(), store=kept)
    client.ask()
    client.clock.pass_by(30)
    assert is_hit(client.ask(Cache_Control="min-fresh=20, max-stale=1000"))
    assert not is_hit(client.ask(Cache_Control="min-fresh=40, max-stale=0"))


def test_client_with_the_current_tag_does_not_reach_the_application(kept: Store) -> None:
    """caddyserver/cache-handler#58; RFC 9111 section 4.3.2."""
    client = Client(fresh(etag='"a"'), store=kept)
    client.ask()
    for sent in ('"a"', '"a"', '"b"'):
        client.ask(If_None_Match=sent)
    assert client.app.calls == 1


@pytest.mark.parametrize("value", ["max-age=1, max-age=600", "max-age=600, max-age=1"])
def test_two_lifetimes_are_not_the_longer_one(kept: Store, value: str) -> None:
    """tempesta-tech/tempesta#2637; RFC 9111 section 4.2.1: the first, or stale."""
    client = Client(Origin(cache_control=value), store=kept)
    client.ask()
    client.clock.pass_by(5)
    assert not is_hit(client.ask()) or value.startswith("max-age=600")
