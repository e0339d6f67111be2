"""The cache as a whole, around small applications."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import create_environ

from middleware.cache import HTTPCacheMiddleware
from middleware.cache.dates import format_date
from tests.middleware.cache.around import (
    NOON,
    Client,
    Origin,
    fresh,
    request,
    status_of,
)
from tests.middleware.serving import BrokenError, Exchange, TrackedBody


def test_second_request_is_answered_from_the_store() -> None:
    origin = fresh(x_a="1")
    client = Client(origin)
    first = client.ask()
    client.clock.pass_by(7)
    second = client.ask()
    assert origin.calls == 1
    assert (first.content, second.content) == (b"hello", b"hello")
    assert second.header("X-A") == "1"
    assert second.header("Age") == "7"
    assert second.header("Date") == format_date(NOON)
    assert second.header("Content-Length") == "5"
    assert status_of(first) == "wsgi; fwd=uri-miss; stored"
    assert status_of(second) == "wsgi; hit; ttl=53"


def test_status_is_in_environ_too() -> None:
    client = Client(fresh(), send_status=False)
    exchanges = [client.ask(), client.ask(), client.ask(Cache_Control="max-age=9")]
    assert [exchange.environ["middleware.cache.status"] for exchange in exchanges] == [
        "wsgi; fwd=uri-miss",
        "wsgi; hit; ttl=60",
        "wsgi; hit; ttl=60",
    ]
    assert not any(map(status_of, exchanges))


def test_name_is_what_the_user_says() -> None:
    assert status_of(Client(fresh(), name="my chat").ask()).startswith('"my chat"; fwd')


def test_stale_entry_is_asked_for_again() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(60)
    assert status_of(client.ask()) == "wsgi; fwd=stale; stored"
    assert origin.calls == 2


def test_clock_that_goes_back_makes_no_negative_age() -> None:
    client = Client(fresh())
    client.ask()
    client.clock.pass_by(-30)
    assert client.ask().header("Age") == "0"


@pytest.mark.parametrize("cache_control", ["max-age=60", "max-age=1, stale-while-revalidate=60"])
def test_clock_set_back_makes_nothing_fresh_for_longer(cache_control: str) -> None:
    client = Client(Origin(cache_control=cache_control))
    client.ask()
    client.clock.pass_by(-3600)
    assert "fwd=stale; stored" in status_of(client.ask())
    assert "hit; ttl" in status_of(client.ask())


# What is not for caches.


@pytest.mark.parametrize(
    "fields",
    [
        {"Upgrade": "websocket"},
        {"If_Match": '"a"'},
        {"If_Unmodified_Since": format_date(NOON)},
        {"Transfer_Encoding": "chunked"},
        {"Host": "not/a/host"},
    ],
)
def test_request_beyond_caches_passes_untouched(fields: dict[str, str]) -> None:
    origin = fresh()
    client = Client(origin)
    for _ in range(2):
        done = client.ask(**fields)
        assert status_of(done) == ""
        assert done.environ["middleware.cache.status"] == "wsgi; fwd=bypass"
    assert origin.calls == 2


@pytest.mark.parametrize(("length", "calls"), [("3", 2), ("0", 1), ("", 1)])
def test_get_with_content_is_not_for_caches(length: str, calls: int) -> None:
    origin = fresh()
    client = Client(origin)
    for _ in range(2):
        Exchange(request() | {"CONTENT_LENGTH": length}).run(client.cache)
    assert origin.calls == calls


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_other_safe_methods_change_nothing(method: str) -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.ask(method=method)
    assert "hit" in status_of(client.ask())
    assert origin.calls == 2


def test_exempt_requests_pass_the_cache_by() -> None:
    client = Client(fresh(), exempt=lambda environ: environ["PATH_INFO"] == "/events")
    paths = ["/events", "/events", "/other", "/other"]
    assert ["hit" in status_of(client.ask(path)) for path in paths] == [False, False, False, True]
    assert client.cache._parts.flights._flying == {}


def test_uncacheable_response_is_the_applications_own() -> None:
    body = TrackedBody(b"hello")
    cache = HTTPCacheMiddleware(Origin(body, cache_control="no-store"))
    assert Exchange(create_environ()).call(cache).body is body


def test_signed_in_user_of_the_server_counts() -> None:
    client = Client(fresh())
    environ = request() | {"REMOTE_USER": "me"}
    assert 'detail="authorization"' in status_of(Exchange(environ).run(client.cache))
    assert "uri-miss" in status_of(client.ask())


# Directives of the request.


@pytest.mark.parametrize(
    ("directive", "age", "status"),
    [
        ("max-age=10", 9, "hit"),
        ("max-age=10", 11, "fwd=request"),
        ("min-fresh=10", 49, "hit"),
        ("min-fresh=10", 51, "fwd=request"),
        ("max-stale=10", 69, "hit; ttl=-9"),
        ("max-stale=10", 71, "fwd=stale"),
        ("max-stale", 999, "hit"),
        ("no-cache", 0, "fwd=request"),
        ("only-if-cached", 0, "hit"),
        ("no-store", 0, "hit"),
        ("unknown", 0, "hit"),
    ],
)
def test_request_directives(directive: str, age: int, status: str) -> None:
    client = Client(fresh())
    client.ask()
    client.clock.pass_by(age)
    assert status in status_of(client.ask(Cache_Control=directive))


def test_pragma_asks_for_validation() -> None:
    client = Client(fresh())
    client.ask()
    assert "fwd=request" in status_of(client.ask(Pragma="no-cache"))


def test_no_store_request_leaves_the_stored_response_alone() -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    done = client.ask(Cache_Control="no-store")
    assert (done.status, done.content) == ("200 OK", b"hello")
    assert "HTTP_IF_NONE_MATCH" not in origin.seen[-1]
    assert 'detail="request no-store"' in status_of(done)


def test_only_if_cached_gets_504() -> None:
    origin = fresh()
    done = Client(origin).ask(Cache_Control="only-if-cached")
    assert done.status == "504 Gateway Timeout"
    assert status_of(done) == "wsgi; detail=only-if-cached"
    assert origin.calls == 0


# Validation.


def test_304_freshens_the_stored_response() -> None:
    origin = fresh(etag='"a"', x_a="1")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.fields["x_a"] = "2"
    done = client.ask()
    assert (done.status, done.content, done.header("X-A")) == ("200 OK", b"hello", "2")
    assert status_of(done) == "wsgi; fwd=stale; fwd-status=304; ttl=60; stored"
    assert client.ask().header("X-A") == "2"
    assert origin.calls == 2


def test_conditions_of_the_cache_are_gone_afterwards() -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    done = client.ask(If_None_Match='"mine"')
    assert origin.seen[-1]["HTTP_IF_NONE_MATCH"] == '"a"'
    assert done.environ["HTTP_IF_NONE_MATCH"] == '"mine"'


def test_304_that_may_not_be_stored_ends_the_entry() -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.fields["cache_control"] = "private"
    done = client.ask()
    assert (done.status, done.content) == ("200 OK", b"hello")
    assert "stored" not in status_of(done)
    origin.fields["cache_control"] = "max-age=60"
    assert "hit" not in status_of(client.ask())


@pytest.mark.parametrize("late", [False, True])
def test_304_of_another_representation_asks_again(late: bool) -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)

    def odd(environ: Any, start_response: Any) -> Iterator[bytes]:
        origin.seen.append(dict(environ))
        if "HTTP_IF_NONE_MATCH" in environ:
            start_response("304 Not Modified", [("ETag", '"b"')])
            return
        start_response("200 OK", [("ETag", '"b"'), ("Cache-Control", "max-age=60")])
        yield b"new"

    app = odd if late else (lambda *args: list(odd(*args)))
    client.app = app
    done = client.ask()
    assert (done.status, done.content) == ("200 OK", b"new")
    assert origin.calls == 3
    assert client.ask().content == b"new"


def test_new_response_takes_the_place_of_the_stale_one() -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.fields["etag"], origin.body = '"b"', b"new"
    assert client.ask().content == b"new"
    assert client.ask().content == b"new"
    assert origin.calls == 2


def test_no_cache_is_validated_each_time() -> None:
    origin = Origin(cache_control="no-cache", etag='"a"')
    client = Client(origin)
    statuses = [status_of(client.ask()) for _ in range(3)]
    assert ["fwd-status=304" in status for status in statuses] == [False, True, True]


# Conditions of the client.


@pytest.mark.parametrize(
    "fields",
    [{"If_None_Match": '"a"'}, {"If_None_Match": "*"}, {"If_Modified_Since": format_date(NOON)}],
)
def test_client_that_has_it_gets_304(fields: dict[str, str]) -> None:
    client = Client(fresh(etag='"a"', cache_groups='"g"'))
    client.ask()
    done = client.ask(**fields)
    assert (done.status, done.content) == ("304 Not Modified", b"")
    assert done.header("ETag") == '"a"'
    assert done.header("Cache-Groups") == '"g"'
    assert done.header("Content-Length") is None


def test_condition_on_an_error_is_ignored() -> None:
    client = Client(Origin(b"gone", "404 Not Found", cache_control="max-age=60", etag='"a"'))
    client.ask()
    assert client.ask(If_None_Match="*").status == "404 Not Found"


def test_client_gets_304_and_the_store_the_body() -> None:
    origin = fresh(iter([b"he", b"llo"]), etag='"a"')
    client = Client(origin)
    done = client.ask(If_None_Match='"a"')
    assert (done.status, done.content) == ("304 Not Modified", b"")
    assert status_of(done) == "wsgi; fwd=uri-miss; fwd-status=200; stored"
    assert "HTTP_IF_NONE_MATCH" not in origin.seen[0]
    assert client.ask().content == b"hello"


@pytest.mark.parametrize(
    ("last_modified", "status"),
    [(NOON, "304 Not Modified"), (NOON + 1, "200 OK"), (None, "304 Not Modified")],
)
def test_first_client_may_have_it_by_date(last_modified: float | None, status: str) -> None:
    fields = {} if last_modified is None else {"last_modified": format_date(last_modified)}
    client = Client(fresh(**fields))
    assert client.ask(If_Modified_Since=format_date(NOON)).status == status


def test_conditions_on_the_uncacheable_are_left_to_the_application() -> None:
    client = Client(Origin(etag='"a"', cache_control="private"))
    statuses = [client.ask(If_None_Match='"a"').status for _ in range(2)]
    assert statuses == ["200 OK", "304 Not Modified"], "once that is known"


@pytest.mark.parametrize("fields", [{"Authorization": "me"}, {"Cache_Control": "no-store"}])
def test_conditions_on_what_is_not_for_all_are_left_to_the_application(
    fields: dict[str, str],
) -> None:
    client = Client(fresh(etag='"a"'))
    assert client.ask(If_None_Match='"a"', **fields).status == "304 Not Modified"
    assert "uri-miss" in status_of(client.ask())


def test_signed_in_client_validates_and_leaves_the_entry_alone() -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    done = client.ask(Authorization="me")
    assert (done.status, done.content) == ("200 OK", b"hello")
    assert "stored" not in status_of(done)
    client.clock.pass_by(-61)
    assert "hit" in status_of(client.ask())


def test_client_condition_on_a_new_error_is_ignored() -> None:
    client = Client(Origin(b"no", "404 Not Found", cache_control="max-age=60", etag='"a"'))
    assert client.ask(If_None_Match='"a"').status == "404 Not Found"


# Variants.


def test_variants_live_side_by_side() -> None:
    origin = fresh(vary="Accept")
    client = Client(origin)
    client.ask(Accept="a/b")
    origin.body = b"other"
    assert "vary-miss" in status_of(client.ask(Accept="c/d"))
    assert [client.ask(Accept=a).content for a in ("a/b", "c/d")] == [b"hello", b"other"]
    assert origin.calls == 2


def test_304_selects_a_variant_for_another_request() -> None:
    origin = fresh(vary="Accept", etag='"a"')
    client = Client(origin)
    client.ask(Accept="a/b")
    done = client.ask(Accept="c/d")
    assert (done.status, done.content) == ("200 OK", b"hello")
    assert status_of(done) == "wsgi; fwd=vary-miss; fwd-status=304; ttl=60; stored"
    assert [status_of(client.ask(Accept=a))[:9] for a in ("a/b", "c/d")] == ["wsgi; hit"] * 2


def test_vary_is_what_the_client_sent_not_what_the_application_made_of_it() -> None:
    origin = fresh(vary="Accept")

    def changing(environ: Any, start_response: Any) -> Any:
        environ["HTTP_ACCEPT"] = "changed"
        return origin(environ, start_response)

    client = Client(changing)
    client.ask(Accept="a/b")
    assert "hit" in status_of(client.ask(Accept="a/b"))


# HEAD.


def test_head_is_answered_from_a_stored_get() -> None:
    client = Client(fresh())
    client.ask()
    done = client.ask(method="HEAD")
    assert (done.content, done.header("Content-Length")) == (b"", "5")
    assert "hit" in status_of(done)
    assert client.ask(method="HEAD", If_None_Match="*").status == "304 Not Modified"
    assert client.ask(method="HEAD", Range="bytes=0-1").status == "200 OK"


def test_head_is_not_stored() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask(method="HEAD")
    assert client.ask().content == b"hello"
    assert origin.calls == 2


def test_head_freshens_a_stored_get() -> None:
    origin = fresh(x_a="1")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.fields["x_a"] = "2"
    client.ask(method="HEAD")
    done = client.ask()
    assert (done.content, done.header("X-A")) == (b"hello", "2")
    assert "hit" in status_of(done)


@pytest.mark.parametrize("change", [{"etag": '"b"'}, {"content_length": "6"}])
def test_head_of_another_representation_ends_the_stored_get(change: dict[str, str]) -> None:
    origin = fresh(etag='"a"', content_length="5")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.fields.update(change)
    client.ask(method="HEAD")
    client.clock.pass_by(-61)
    assert "hit" not in status_of(client.ask())


def test_failed_head_says_nothing() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.status = "410 Gone"
    client.ask(method="HEAD")
    client.clock.pass_by(-61)
    assert "hit" in status_of(client.ask())


# Stale responses.


def lasting(swr: str = "stale-while-revalidate=30") -> Origin:
    return Origin(cache_control=f"max-age=60, {swr}")


def test_stale_is_served_while_it_is_revalidated() -> None:
    origin = lasting()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(70)
    origin.body = b"new"
    assert client.ask().content == b"hello"
    assert client.ask().content == b"hello"
    assert len(client.work) == 1
    client.do_background_work()
    assert client.ask().content == b"new"
    assert origin.calls == 2
    seen = origin.seen[-1]
    assert seen["middleware.cache.background"] is True
    assert seen["wsgi.input"].read() == b""


def test_revalidation_has_nothing_of_the_client() -> None:
    origin = lasting()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(70)
    environ = request(method="HEAD", If_None_Match='"a"', Range="bytes=0-1", Cookie="a=b")
    environ["wsgi.early_hints"] = lambda headers: None
    Exchange(environ).run(client.cache)
    client.do_background_work()
    seen = origin.seen[-1]
    assert {"HTTP_IF_NONE_MATCH", "HTTP_RANGE", "wsgi.early_hints"}.isdisjoint(seen)
    assert (seen["REQUEST_METHOD"], seen["HTTP_COOKIE"]) == ("GET", "a=b")


def test_window_for_revalidation_ends() -> None:
    client = Client(lasting())
    client.ask()
    client.clock.pass_by(91)
    assert "fwd=stale" in status_of(client.ask())


@pytest.mark.parametrize("directive", ["must-revalidate", "s-maxage=60", "proxy-revalidate"])
def test_stale_is_not_served_where_that_is_forbidden(directive: str) -> None:
    client = Client(lasting(f"stale-while-revalidate=30, stale-if-error=30, {directive}"))
    client.ask()
    client.clock.pass_by(70)
    assert "fwd=stale" in status_of(client.ask(Cache_Control="max-stale"))


def test_revalidation_in_a_thread_by_default() -> None:
    origin = lasting()
    client = Client(origin, spawn=None)
    client.ask()
    client.clock.pass_by(70)
    client.ask()
    for thread in threading.enumerate():
        if thread.name == "cache-revalidation":
            thread.join(60)
    assert origin.calls == 2


def test_failed_revalidation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    origin = lasting()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(70)
    client.ask()
    origin.error = BrokenError()
    client.do_background_work()
    assert "failed" in caplog.text
    client.ask()
    assert len(client.work) == 1, "and tried again"


def test_revalidation_that_cannot_start_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def cannot(work: Any) -> None:
        raise RuntimeError("can't start new thread")

    client = Client(lasting(), spawn=cannot)
    client.ask()
    client.clock.pass_by(70)
    assert [client.ask().content for _ in range(2)] == [b"hello"] * 2
    assert caplog.text.count("could not be started") == 2


def test_revalidation_writes_to_nobody() -> None:
    written = []

    def writing(environ: Any, start_response: Any) -> Any:
        write = start_response(
            "200 OK", [("Cache-Control", "max-age=60, stale-while-revalidate=9")]
        )
        write(b"he")
        written.append(environ.get("middleware.cache.background"))
        return [b"llo"]

    client = Client(writing)
    client.ask()
    client.clock.pass_by(61)
    client.ask()
    client.do_background_work()
    assert written == [None, True]
    assert client.ask().content == b"hello"


@pytest.mark.parametrize("status", ["500 Error", "502 Error", "503 Error", "504 Error"])
def test_stale_stands_in_for_an_error(status: str) -> None:
    origin = lasting("stale-if-error=30")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(70)
    origin.status, origin.fields = status, {}
    done = client.ask()
    assert (done.status, done.content) == ("200 OK", b"hello")
    code = status[:3]
    assert (
        status_of(done) == f'wsgi; fwd=stale; fwd-status={code}; ttl=-10; detail="stale-if-error"'
    )


@pytest.mark.parametrize("late", [False, True])
def test_stale_stands_in_for_an_exception(late: bool, caplog: pytest.LogCaptureFixture) -> None:
    origin = lasting("stale-if-error=30")
    client = Client(lambda *args: iter_late(origin, *args) if late else origin(*args))
    client.ask()
    client.clock.pass_by(70)
    origin.error = BrokenError()
    assert client.ask().content == b"hello"
    assert "BrokenError" in caplog.text


def iter_late(origin: Origin, *args: Any) -> Iterator[bytes]:
    yield from origin(*args)


@pytest.mark.parametrize(
    ("cache_control", "asked", "age", "served"),
    [
        ("max-age=60, stale-if-error=30", "", 91, False),
        ("max-age=60", "", 61, False),
        ("max-age=60", "stale-if-error=30", 70, True),
        ("max-age=60, must-revalidate, stale-if-error=30", "stale-if-error=30", 61, False),
    ],
)
def test_stale_for_errors_has_limits(
    cache_control: str, asked: str, age: int, served: bool
) -> None:
    origin = Origin(cache_control=cache_control)
    client = Client(origin)
    client.ask()
    client.clock.pass_by(age)
    origin.status = "503 Error"
    done = client.ask(Cache_Control=asked)
    assert (done.status == "200 OK") is served


def test_policy_may_allow_stale_for_errors() -> None:
    origin = fresh()
    client = Client(origin, policy={"stale_if_error_seconds": 30})
    client.ask()
    client.clock.pass_by(70)
    origin.status = "503 Error"
    assert client.ask().status == "200 OK"


def test_dropped_response_does_not_stand_in() -> None:
    origin = lasting("stale-if-error=30")
    client = Client(origin)
    client.ask()
    client.cache.drop_groups(["http://localhost/"])
    origin.status = "503 Error"
    assert client.ask().status == "503 Error"


def test_stale_stands_in_when_disconnected() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(3600)
    origin.error = ConnectionRefusedError()
    done = client.ask()
    assert done.content == b"hello"
    assert 'detail="disconnected"' in status_of(done)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_disconnected_without_leave_to_serve_stale_is_504(method: str) -> None:
    origin = Origin(cache_control="max-age=60, must-revalidate")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.error = ConnectionRefusedError()
    done = client.ask(method=method)
    assert done.status == "504 Gateway Timeout"
    assert bool(done.content) is (method == "GET")


def test_disconnected_with_nothing_stored_is_the_servers_to_report() -> None:
    origin = fresh()
    origin.error = ConnectionRefusedError()
    with pytest.raises(ConnectionRefusedError):
        Client(origin).ask()


def test_exception_without_leave_reaches_the_server() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.error = BrokenError()
    with pytest.raises(BrokenError):
        client.ask()


# Ranges.

TEN = b"0123456789"


@pytest.mark.parametrize(
    ("asked", "content", "content_range"),
    [
        ("bytes=0-1", b"01", "bytes 0-1/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
    ],
)
def test_range_of_a_stored_response(asked: str, content: bytes, content_range: str) -> None:
    client = Client(fresh(TEN))
    client.ask()
    done = client.ask(Range=asked)
    assert (done.status, done.content) == ("206 Partial Content", content)
    assert done.header("Content-Range") == content_range
    assert done.header("Content-Length") == str(len(content))


def test_several_ranges_are_a_multipart() -> None:
    client = Client(fresh(TEN))
    client.ask()
    done = client.ask(Range="bytes=0-1,-2")
    kind, _, boundary = (done.header("Content-Type") or "").partition("; boundary=")
    assert (done.status, kind) == ("206 Partial Content", "multipart/byteranges")
    head = f"\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes "
    expected = f"{head}0-1/10\r\n\r\n01{head}8-9/10\r\n\r\n89\r\n--{boundary}--\r\n"
    assert done.content.decode() == expected
    assert done.header("Content-Length") == str(len(expected))


def test_parts_without_a_type_have_none() -> None:
    def untyped(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        return [TEN]

    client = Client(untyped)
    client.ask()
    assert b"Content-Type" not in client.ask(Range="bytes=0-1,-2").content


def test_range_beyond_the_end_is_416() -> None:
    client = Client(fresh(TEN))
    client.ask()
    done = client.ask(Range="bytes=10-")
    assert (done.status, done.content) == ("416 Range Not Satisfiable", b"")
    assert done.header("Content-Range") == "bytes */10"


@pytest.mark.parametrize(
    "fields",
    [
        {"Range": "lines=1-2"},
        {"Range": "bytes=5-1"},
        {"Range": "bytes=0-1", "If_Range": '"b"'},
    ],
)
def test_range_that_does_not_apply_gets_the_whole(fields: dict[str, str]) -> None:
    client = Client(fresh(TEN, etag='"a"'))
    client.ask()
    done = client.ask(**fields)
    assert (done.status, done.content) == ("200 OK", TEN)


def test_if_range_of_the_stored_response_applies() -> None:
    client = Client(fresh(TEN, etag='"a"'))
    client.ask()
    assert client.ask(Range="bytes=0-1", If_Range='"a"').content == b"01"


def test_condition_comes_before_the_range() -> None:
    client = Client(fresh(TEN, etag='"a"'))
    client.ask()
    assert client.ask(Range="bytes=0-1", If_None_Match='"a"').status == "304 Not Modified"


def test_range_of_a_validated_response() -> None:
    origin = fresh(TEN, etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    done = client.ask(Range="bytes=0-1")
    assert (done.status, done.content) == ("206 Partial Content", b"01")
    assert origin.seen[-1]["HTTP_RANGE"] == "bytes=0-1"


class Parts:
    """An application that sends the ranges it is asked for."""

    def __init__(self, etag: str = '"a"') -> None:
        self.etag = etag
        self.calls = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.calls += 1
        headers = [("Cache-Control", "max-age=60"), ("ETag", self.etag)]
        asked = environ.get("HTTP_RANGE")
        if asked is None:
            start_response("200 OK", headers)
            return [TEN]
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        part = TEN[first : last + 1]
        headers += [
            ("Content-Range", f"bytes {first}-{last}/10"),
            ("Content-Length", str(len(part))),
        ]
        start_response("206 Partial Content", headers)
        return [part]


def test_stored_part_answers_ranges_within_it() -> None:
    origin = Parts()
    client = Client(origin)
    client.ask(Range="bytes=2-7")
    done = client.ask(Range="bytes=3-4")
    assert (done.status, done.content) == ("206 Partial Content", b"34")
    assert done.header("Content-Range") == "bytes 3-4/10"
    assert origin.calls == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"Range": "bytes=0-3"},
        {"Range": "bytes=3-3,5-5"},
        {"Range": "bytes=3-4", "If_Range": '"b"'},
        {"Range": "nonsense"},
        {},
    ],
)
def test_stored_part_answers_nothing_else(fields: dict[str, str]) -> None:
    origin = fresh(TEN)
    client = Client(Parts())
    client.ask(Range="bytes=2-7")
    client.app = origin
    assert "fwd=partial" in status_of(client.ask(**fields))
    assert origin.calls == 1


def test_head_is_not_answered_by_a_part() -> None:
    client = Client(Parts())
    client.ask(Range="bytes=2-7")
    assert "fwd=partial" in status_of(client.ask(method="HEAD"))


def test_304_for_a_client_that_has_the_part() -> None:
    client = Client(Parts())
    client.ask(Range="bytes=2-7")
    done = client.ask(Range="bytes=3-4", If_None_Match='"a"')
    assert done.status == "304 Not Modified"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1)])
def test_parts_join_to_the_whole(order: tuple[int, ...]) -> None:
    origin = Parts()
    client = Client(origin)
    for index in order:
        client.ask(Range=("bytes=0-3", "bytes=3-6", "bytes=5-9")[index])
    done = client.ask()
    assert (done.status, done.content) == ("200 OK", TEN)
    assert done.header("Content-Range") is None
    assert origin.calls == 3


def test_part_within_a_part_changes_nothing() -> None:
    origin = Parts()
    client = Client(origin)
    client.ask(Range="bytes=2-7")
    client.ask(Range="bytes=3-4", Cache_Control="no-cache")
    assert client.ask(Range="bytes=2-7").content == b"234567"
    assert origin.calls == 2


@pytest.mark.parametrize("etags", [('"a"', '"b"'), ('W/"a"', 'W/"a"')])
def test_parts_of_different_representations_do_not_join(etags: tuple[str, str]) -> None:
    origin = Parts(etags[0])
    client = Client(origin)
    client.ask(Range="bytes=0-4")
    origin.etag = etags[1]
    client.ask(Range="bytes=5-9")
    client.ask()
    assert origin.calls == 3


def test_larger_part_takes_a_smaller_one_in() -> None:
    origin = Parts()
    client = Client(origin)
    client.ask(Range="bytes=3-4")
    client.ask(Range="bytes=2-7")
    assert client.ask(Range="bytes=3-6").content == b"3456"
    assert origin.calls == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"content_range": "bytes 0-4/10"},
        {"content_range": "bytes 0-9/10", "content_length": "5"},
        {"content_length": "5"},
    ],
)
def test_part_of_unknown_place_is_not_stored(fields: dict[str, str]) -> None:
    client = Client(fresh(b"01234", **fields))
    client.app.status = "206 Partial Content"
    assert 'detail="part without place"' in status_of(client.ask(Range="bytes=0-4"))


def test_part_that_nobody_asked_for_is_not_stored() -> None:
    client = Client(fresh(b"01234", content_range="bytes 0-4/10", content_length="5"))
    client.app.status = "206 Partial Content"
    assert "stored" not in status_of(client.ask())


def test_condition_with_a_range_is_left_to_the_application() -> None:
    origin = fresh(TEN, etag='"a"')
    client = Client(origin)
    assert client.ask(Range="bytes=0-1", If_None_Match='"a"').status == "304 Not Modified"
    assert origin.seen[0]["HTTP_IF_NONE_MATCH"] == '"a"'


# Bodies.


@pytest.mark.parametrize("length", ["4", "6"])
def test_body_of_another_length_is_not_stored(length: str) -> None:
    origin = fresh([b"he", b"llo"], content_length=length)
    client = Client(origin)
    client.ask()
    client.ask()
    assert origin.calls == 2


def test_body_above_the_limit_is_not_stored() -> None:
    origin = fresh(b"x" * 11, content_length="11")
    client = Client(origin, policy={"max_body_bytes": 10})
    assert 'detail="too large"' in status_of(client.ask())
    origin.fields.pop("content_length")
    assert client.ask().content == b"x" * 11
    assert client.ask().content == b"x" * 11
    assert origin.calls == 3


def test_stream_of_unknown_length_above_the_limit_is_not_stored() -> None:
    client = Client(
        lambda *args: iter_late(fresh([b"x"] * 11), *args), policy={"max_body_bytes": 10}
    )
    assert client.ask().content == b"x" * 11
    assert "uri-miss" in status_of(client.ask())


@pytest.mark.parametrize("chunks", [0, 1])
def test_client_that_leaves_does_not_spoil_the_entry(chunks: int) -> None:
    body = TrackedBody(b"he", b"llo")
    client = Client(fresh(body))
    Exchange(request()).run(client.cache, chunks=chunks)
    assert body.closes == 1
    done = client.ask()
    assert done.content == b"hello"
    assert "hit" in status_of(done)


def test_broken_body_is_not_stored() -> None:
    origin = fresh(TrackedBody(b"he", error=BrokenError()))
    client = Client(origin)
    with pytest.raises(BrokenError):
        client.ask()
    origin.body = b"hello"
    assert client.ask().content == b"hello"
    assert origin.calls == 2


def test_entry_is_stored_before_the_last_byte_is_out() -> None:
    client = Client(lambda *args: iter_late(fresh([b"he", b"llo"]), *args))
    exchange = Exchange(request()).call(client.cache)
    while b"".join(exchange.chunks) != b"hello":
        exchange.step()
    assert "hit" in status_of(client.ask())
    exchange.close()


def test_204_is_stored_at_once() -> None:
    client = Client(Origin([], "204 No Content", cache_control="max-age=60"))
    client.ask()
    done = client.ask()
    assert (done.status, done.header("Content-Length")) == ("204 No Content", None)
    assert "hit" in status_of(done)


def test_error_page_after_the_head_is_not_stored() -> None:
    def failing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        yield b""
        try:
            raise BrokenError
        except BrokenError:
            start_response("500 Error", [], sys.exc_info())
        yield b"sorry"

    client = Client(failing)
    done = client.ask()
    assert (done.status, done.content) == ("500 Error", b"sorry")
    assert client.store.lookup("http://localhost/")[0].entries == ()


def test_written_bytes_are_stored() -> None:
    def writing(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [("Cache-Control", "max-age=60")])
        write(b"he")
        return [b"llo"]

    client = Client(writing)
    assert [client.ask().content for _ in range(2)] == [b"hello"] * 2
    assert "hit" in status_of(client.ask())


def test_written_bytes_do_not_reach_a_client_that_has_them() -> None:
    def writing(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [("Cache-Control", "max-age=60"), ("ETag", '"a"')])
        write(b"he")
        return [b"llo"]

    client = Client(writing)
    done = client.ask(If_None_Match='"a"')
    assert (done.status, done.content) == ("304 Not Modified", b"")
    assert client.ask().content == b"hello"


def test_bytes_written_into_an_error_do_not_reach_the_client() -> None:
    broken: list[bool] = []

    def writing(environ: Any, start_response: Any) -> Any:
        status = "503 Error" if broken else "200 OK"
        write = start_response(status, [("Cache-Control", "max-age=60, stale-if-error=60")])
        write(b"he")
        return [b"llo"]

    client = Client(writing)
    client.ask()
    broken.append(True)
    client.clock.pass_by(61)
    done = client.ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


# Unsafe requests.


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "X"])
def test_unsafe_request_invalidates(method: str) -> None:
    client = Client(fresh())
    client.ask()
    client.ask(method=method)
    assert "fwd=stale" in status_of(client.ask())


def test_failed_unsafe_request_invalidates_nothing() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    origin.status = "403 Forbidden"
    client.ask(method="POST")
    assert "hit" in status_of(client.ask())


@pytest.mark.parametrize("name", ["location", "content_location"])
def test_locations_are_invalid_too(name: str) -> None:
    origin = fresh()
    client = Client(origin)
    client.ask("/list")
    client.ask("/other")
    origin.fields[name] = "/list"
    client.ask("/", method="POST")
    assert "fwd=stale" in status_of(client.ask("/list"))
    assert "hit" in status_of(client.ask("/other"))


def test_fill_that_began_before_the_change_is_not_stored() -> None:
    origin = fresh()
    client = Client(origin)

    def change() -> None:
        origin.before = lambda: None
        client.ask(method="POST")

    origin.before = change
    client.ask()
    assert "uri-miss" in status_of(client.ask())


def test_unsafe_body_is_the_applications_own() -> None:
    body = TrackedBody(b"hello")
    cache = HTTPCacheMiddleware(fresh(body))
    assert Exchange(create_environ(method="POST")).call(cache).body is body


def post_origin(**fields: str) -> Origin:
    return fresh(content_location="/", **fields)


def test_post_that_says_what_a_get_gets_is_stored() -> None:
    origin = post_origin()
    client = Client(origin)
    assert client.ask(method="POST").content == b"hello"
    assert "hit" in status_of(client.ask())
    assert origin.calls == 1


@pytest.mark.parametrize(
    ("method", "status", "fields"),
    [
        ("PUT", "200 OK", {}),
        ("POST", "201 Created", {}),
        ("POST", "200 OK", {"content_location": "/other"}),
        ("POST", "200 OK", {"cache_control": "public"}),
        ("POST", "200 OK", {"cache_control": "max-age=60, private"}),
    ],
)
def test_other_unsafe_responses_are_not_stored(
    method: str, status: str, fields: dict[str, str]
) -> None:
    origin = post_origin()
    origin.status = status
    origin.fields.update(fields)
    client = Client(origin)
    client.ask(method=method)
    assert "hit" not in status_of(client.ask())


def test_written_post_is_stored() -> None:
    def writing(environ: Any, start_response: Any) -> Any:
        headers = [("Cache-Control", "max-age=60"), ("Content-Location", "/")]
        start_response("200 OK", headers)(b"he")
        return [b"llo"]

    client = Client(writing)
    assert client.ask(method="POST").content == b"hello"
    done = client.ask()
    assert done.content == b"hello"
    assert "hit" in status_of(done)


@pytest.mark.parametrize("late", [False, True])
def test_post_that_ends_in_an_error_is_not_stored(late: bool) -> None:
    def failing(environ: Any, start_response: Any) -> Any:
        headers = [("Cache-Control", "max-age=60"), ("Content-Location", "/")]
        start_response("200 OK", headers)

        def fail() -> None:
            try:
                raise BrokenError
            except BrokenError:
                start_response("500 Error", [], sys.exc_info())

        def body() -> Iterator[bytes]:
            yield b"hello"
            fail()
            yield b"sorry"

        if late:
            return body()
        fail()
        return [b"sorry"]

    client = Client(failing)
    done = client.ask(method="POST")
    assert (done.status, done.content) == ("500 Error", b"sorry")
    assert client.store.lookup("http://localhost/")[0].entries == ()


# Groups.


def test_dropped_group_is_asked_for_again() -> None:
    origin = fresh(cache_groups='"room-1", "users"')
    client = Client(origin)
    client.ask("/1")
    client.cache.drop_groups(["other"])
    assert "hit" in status_of(client.ask("/1"))
    client.cache.drop_groups(["users"])
    assert "fwd=stale" in status_of(client.ask("/1"))
    assert "hit" in status_of(client.ask("/1"))


def test_page_made_before_a_drop_is_not_stored() -> None:
    origin = fresh(cache_groups='"room-1"')
    client = Client(origin)
    origin.before = lambda: client.cache.drop_groups(["room-1"])
    client.ask()
    origin.before = lambda: None
    assert "uri-miss" in status_of(client.ask())


def test_page_streamed_across_a_drop_is_not_stored() -> None:
    client = Client(lambda *args: iter_late(fresh([b"a", b"b"], cache_groups='"g"'), *args))
    exchange = Exchange(request()).call(client.cache)
    exchange.step()
    client.cache.drop_groups(["g"])
    while exchange.step():
        pass
    assert "uri-miss" in status_of(client.ask())


def test_validated_page_is_not_stored_across_a_drop() -> None:
    origin = fresh(cache_groups='"g"', etag='"a"')
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.before = lambda: client.cache.drop_groups(["g"])
    client.ask()
    origin.before = lambda: None
    assert "hit" not in status_of(client.ask())


def test_unsafe_response_drops_groups_of_its_origin() -> None:
    origin = fresh(cache_groups='"g"')
    client = Client(origin)
    client.ask("/a")
    client.ask("/a", Host="other.test")
    origin.fields["cache_group_invalidation"] = '"g"'
    client.ask("/b", method="POST")
    assert "fwd=stale" in status_of(client.ask("/a"))
    assert "hit" in status_of(client.ask("/a", Host="other.test"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_groups_of_a_request_without_a_path(method: str) -> None:
    """As from `GET http://localhost`, where PATH_INFO is empty."""
    fields = {"cache_control": "max-age=60", "cache_groups": '"g"'}
    client = Client(Origin(cache_group_invalidation='"g"', **fields))
    environ = request(method=method) | {"PATH_INFO": "", "RAW_URI": "http://localhost"}
    assert Exchange(environ).run(client.cache).status == "200 OK"


def test_safe_response_drops_no_groups() -> None:
    client = Client(fresh(cache_groups='"g"', cache_group_invalidation='"g"'))
    client.ask("/a")
    client.ask("/b")
    assert "hit" in status_of(client.ask("/a"))


# The rest.


def test_early_hints_pass_and_are_not_replayed() -> None:
    hints: list[Any] = []

    def hinting(environ: Any, start_response: Any) -> Any:
        environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
        return fresh()(environ, start_response)

    client = Client(hinting)
    for _ in range(2):
        Exchange(request() | {"wsgi.early_hints": hints.append}).run(client.cache)
    assert len(hints) == 1


def test_hosts_do_not_share_answers() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask(Host="a.test")
    assert "uri-miss" in status_of(client.ask(Host="b.test"))


def test_server_may_change_the_header_list() -> None:
    client = Client(fresh())
    client.ask()

    def clearing(status: str, headers: list[Any], exc_info: Any = None) -> Any:
        headers.clear()

    client.cache(request(), clearing)
    assert client.ask().header("Content-Type") == "text/plain"


def test_targeted_field_speaks_to_this_cache_alone() -> None:
    origin = Origin(cache_control="no-store", cdn_cache_control="max-age=60")
    client = Client(origin, policy={"targeted_field": "CDN-Cache-Control"})
    client.ask()
    done = client.ask(If_Modified_Since=format_date(NOON))
    assert done.status == "304 Not Modified"
    assert done.header("CDN-Cache-Control") == "max-age=60"


def test_input_of_a_request_is_left_alone() -> None:
    client = Client(fresh())
    stream = io.BytesIO(b"unread")
    Exchange(request() | {"wsgi.input": stream}).run(client.cache)
    assert stream.tell() == 0
