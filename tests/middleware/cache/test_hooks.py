from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.cache import (
    HTTPCacheMiddleware,
    TargetURI,
    only_cookies,
    same_host,
    without_parameters,
)
from middleware.cache.hooks import apply_key_hook
from tests.middleware.cache.around import Client, Origin, fresh, request, status_of
from tests.middleware.serving import Exchange

TRACKING = without_parameters("utm_*", "gclid")
WWW = same_host("A.test", "www.a.test", "M.a.test")


def keyed(uri: str, hook: Any = TRACKING) -> str | None:
    return apply_key_hook(hook, uri)


class Shows(Origin):
    """An application that answers with what it reads of its URI."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        names = ("QUERY_STRING", "RAW_URI", "REQUEST_URI")
        self.body = " ".join(environ.get(name, "-") for name in names).encode()
        return super().__call__(environ, start_response)


def shows(**fields: str) -> Shows:
    return Shows(cache_control="max-age=60", **fields)


# The key.


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("utm_source=x", ""),
        ("a=1&utm_source=x&b=2", "?a=1&b=2"),
        ("gclid=1&gclid=2", ""),
        ("utm%5Fsource=x&a=1", "?a=1"),
        ("a=utm_source", "?a=utm_source"),
        ("gclid", ""),
        ("gclids=1", "?gclids=1"),
        ("b=1&a=2", "?b=1&a=2"),
        ("", ""),
    ],
)
def test_parameters_that_are_dropped(query: str, kept: str) -> None:
    assert keyed(f"http://a.test/?{query}") == f"http://a.test/{kept}"


def test_tracking_parameters_make_no_other_response() -> None:
    client = Client(shows(), key=TRACKING)
    client.ask("/a?x=1&utm_source=mail")
    assert "; hit" in status_of(client.ask("/a?utm_source=web&x=1"))
    assert "; hit" not in status_of(client.ask("/a?x=2"))


def test_application_does_not_see_what_the_key_lacks() -> None:
    origin = shows()
    environ = request("/a?x=1&utm_source=<script>")
    environ |= {"RAW_URI": "/a?x=1&utm_source=<script>", "REQUEST_URI": "/a?utm_source=1"}
    before = dict(environ)
    exchange = Exchange(environ).run(Client(origin, key=TRACKING).cache)
    assert exchange.content == b"x=1 /a?x=1 /a?x=1"
    assert {name: environ[name] for name in before} == before


def test_uri_without_a_query_has_no_question_mark() -> None:
    environ = request("/a?gclid=1") | {"RAW_URI": "/a?gclid=1"}
    del environ["REQUEST_URI"]
    exchange = Exchange(environ).run(Client(shows(), key=TRACKING).cache)
    assert exchange.content == b" /a -"


def test_query_may_be_absent() -> None:
    environ = request("/a")
    del environ["QUERY_STRING"], environ["REQUEST_URI"]
    exchange = Exchange(environ).run(
        Client(shows(), key=lambda uri: replace(uri, query="x=1")).cache
    )
    assert exchange.content == b"x=1 /a?x=1 -"


def test_query_is_put_back_if_nothing_is_stored() -> None:
    environ = request("/a?gclid=1")
    exchange = Exchange(environ).run(Client(Origin(cache_control="no-store"), key=TRACKING).cache)
    assert exchange.content == b"hello"
    assert environ["QUERY_STRING"] == "gclid=1"


def test_background_request_has_the_query_of_the_key() -> None:
    origin = Shows(cache_control="max-age=60, stale-while-revalidate=60")
    client = Client(origin, key=TRACKING)
    client.ask("/a?gclid=1")
    client.clock.pass_by(61)
    client.ask("/a?gclid=2")
    client.do_background_work()
    assert [environ["QUERY_STRING"] for environ in origin.seen] == ["", ""]


def test_hosts_share_a_response() -> None:
    client = Client(fresh(), key=WWW)
    client.ask(Host="a.test")
    for host in ("www.a.test", "m.a.test", "A.test"):
        assert "; hit" in status_of(client.ask(Host=host))
    assert "; hit" not in status_of(client.ask(Host="b.test"))


def test_hook_keeps_a_request_out_of_the_cache() -> None:
    client = Client(fresh(), key=lambda uri: None if uri.path.startswith("/live") else uri)
    assert [status_of(client.ask("/live/a")) for _ in "ab"] == [""] * 2
    assert client.app.calls == 2


def test_hook_is_not_asked_about_what_no_cache_may_store() -> None:
    client = Client(fresh(), key=TRACKING)
    client.ask(Host="a b")
    assert client.app.calls == 1


def test_unsafe_request_drops_what_its_uri_is_stored_under() -> None:
    client = Client(fresh(), key=WWW)
    client.ask("/a", Host="a.test")
    client.ask("/b", Host="a.test")
    client.app = Origin(status="201 Created", location="/b")
    client.ask("/a", "POST", Host="www.a.test")
    client.app = fresh()
    for path in ("/a", "/b"):
        assert "; hit" not in status_of(client.ask(path, Host="a.test"))


def test_unsafe_request_that_is_in_no_cache_drops_groups() -> None:
    client = Client(
        fresh(cache_groups='"rooms"'), key=lambda uri: None if uri.path == "/admin" else uri
    )
    client.ask("/a")
    client.app = Origin(cache_group_invalidation='"rooms"', location="/admin")
    client.ask("/admin", "POST")
    client.app = fresh()
    assert "; hit" not in status_of(client.ask("/a"))


@pytest.mark.parametrize("location", ["/b?c d", "/b?c#d", "//[", "http://b.test/", "b c", "?"])
def test_uri_in_a_response_may_be_sloppy(location: str) -> None:
    client = Client(Origin(status="201 Created", location=location), key=TRACKING)
    assert client.ask("/a", "POST").status == "201 Created"


@pytest.mark.parametrize("query", ["a b", "a#b", "a\n", "\xe9", "&&", "=", "%"])
def test_query_may_be_sloppy(query: str) -> None:
    environ = request("/a") | {"QUERY_STRING": query}
    assert Exchange(environ).run(Client(fresh(), key=TRACKING).cache).status == "200 OK"


def test_response_to_a_post_is_not_stored_if_it_saw_more_than_the_key() -> None:
    for query, is_stored in (("?gclid=1", False), ("", True)):
        client = Client(fresh(content_location="/a"), key=TRACKING)
        client.ask(f"/a{query}", "POST")
        assert ("; hit" in status_of(client.ask("/a"))) is is_stored


URI = TargetURI("http", "a.test", "/b", "c")


def test_uri_is_written_as_it_is_read() -> None:
    seen: list[TargetURI] = []
    keyed("http://a.test/b?c", lambda uri: seen.append(uri))
    assert seen == [URI]
    assert str(URI) == "http://a.test/b?c"
    assert str(replace(URI, query="")) == "http://a.test/b"


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ("http://a.test/", TypeError, "key must return a TargetURI or None, not 'http://a.test/'"),
        (replace(URI, path="b"), ValueError, "key returned the path 'b' for http://a.test/b"),
        (replace(URI, path="/b?c"), ValueError, "path '/b[?]c'"),
        (replace(URI, path="/b#c"), ValueError, "path '/b#c'"),
        (replace(URI, path="/b c"), ValueError, "path '/b c'"),
        (replace(URI, host="A.test"), ValueError, "host 'A.test'"),
        (replace(URI, host=""), ValueError, "host ''"),
        (replace(URI, scheme=""), ValueError, "scheme ''"),
        (replace(URI, query=None), ValueError, "query None"),  # type: ignore[arg-type]  # An error.
    ],
)
def test_wrong_result_of_a_key_hook(result: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        keyed("http://a.test/b", lambda _uri: result)


# The values that responses vary on.


def test_only_some_cookies_count() -> None:
    client = Client(fresh(vary="Cookie"), vary={"cookie": only_cookies("lang", "size")})
    client.ask(Cookie="lang=de; session=1; size=2")
    assert "; hit" in status_of(client.ask(Cookie="size=2;  lang=de; session=2"))
    assert "; hit" not in status_of(client.ask(Cookie="lang=en; size=2"))
    assert "; hit" not in status_of(client.ask())


@pytest.mark.parametrize(
    "odd",
    [
        "lang=de; session =1",
        "lang=de; session\t=1",
        "lang=de; x=1 session=1",
        "lang=de; x=1,session=1",
        'lang=de; x="1"session=1',
        'lang=de; x="1;session=1',
        "lang=de; x=\xa0session=1",
        "lang=de; session",
    ],
)
def test_cookies_that_applications_read_in_several_ways_count_as_they_are(odd: str) -> None:
    """Whoever is signed in by them must not store an answer for those who are not."""
    client = Client(fresh(vary="Cookie"), vary={"cookie": only_cookies("lang")})
    client.ask(Cookie=odd)
    assert "fwd=vary-miss" in status_of(client.ask(Cookie="lang=de"))
    assert "; hit" in status_of(client.ask(Cookie=odd))
    assert "; hit" in status_of(client.ask(Cookie='lang=de; session=1;  x="1";'))


def test_two_cookies_of_one_name_keep_their_order() -> None:
    client = Client(fresh(vary="Cookie"), vary={"cookie": only_cookies("lang")})
    client.ask(Cookie="lang=de; lang=en")
    assert "fwd=vary-miss" in status_of(client.ask(Cookie="lang=en; lang=de"))
    assert "; hit" in status_of(client.ask(Cookie="lang=de; x=1; lang=en"))


def test_field_that_is_absent_is_empty_to_the_hook() -> None:
    client = Client(
        fresh(vary="User-Agent"),
        vary={"User-Agent": lambda agent: "phone" if "Mobile" in agent else "desktop"},
    )
    client.ask(User_Agent="Mobile 1")
    assert "; hit" in status_of(client.ask(User_Agent="Mobile 2"))
    assert "fwd=vary-miss" in status_of(client.ask(User_Agent="X"))
    environ = request()
    environ.pop("HTTP_USER_AGENT", None)
    exchange = Exchange(environ).run(client.cache)
    assert "; hit" in status_of(exchange)


def test_application_sees_the_field_as_it_is() -> None:
    client = Client(fresh(vary="Cookie"), vary={"Cookie": only_cookies("lang")})
    client.ask(Cookie="lang=de; session=1")
    assert client.app.seen[0]["HTTP_COOKIE"] == "lang=de; session=1"


def test_background_request_selects_by_the_hook() -> None:
    origin = fresh(vary="Cookie")
    origin.fields["cache_control"] = "max-age=60, stale-while-revalidate=60"
    client = Client(origin, vary={"Cookie": only_cookies("lang")})
    client.ask(Cookie="lang=de; session=1")
    client.clock.pass_by(61)
    client.ask(Cookie="session=2; lang=de")
    client.do_background_work()
    assert "; hit" in status_of(client.ask(Cookie="lang=de"))
    assert origin.calls == 2


def test_hook_must_return_text() -> None:
    client = Client(fresh(), vary={"Cookie": lambda _value: None})
    with pytest.raises(TypeError, match="vary: the hook of HTTP_COOKIE must return text, not None"):
        client.cache(request(), lambda *_: lambda _: None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "path"}, "key must be a function, not 'path'"),
        ({"vary": ["Cookie"]}, "vary must be a mapping of field names to functions"),
        ({"vary": {"Cookie": "lang"}}, "vary\\['Cookie'\\] must be a function, not 'lang'"),
        ({"vary": {"Cookie": None}}, "vary\\['Cookie'\\] must be a function, not None"),
        ({"vary": {"Co okie": str}}, "vary: 'Co okie' is not the name of a field"),
        ({"vary": {1: str}}, "vary: 1 is not the name of a field"),
    ],
)
def test_wrong_option(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        HTTPCacheMiddleware(fresh(), **options)
