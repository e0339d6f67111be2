"""Faults as middleware in the field has them: each is named with the layer that made it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from threading import Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware._wsgi import Headers, WrappedBody
from middleware.chain import Layer
from middleware.spans import span
from middleware.xray.faults import FAULTS
from middleware.xray.lint import lint
from middleware.xray.record import record
from tests.middleware.serving import BrokenError, Exchange, TrackedBody
from tests.middleware.xray.test_lint import (
    COOKIES,
    DATE,
    HEAD,
    HTML,
    PLACES,
    POST,
    SIZED,
    TABLE,
    TAGGED,
    VARIED,
    Adds,
    Closing,
    Lenient,
    Middleware,
    More,
    Texts,
    answering,
    body,
    chain_with,
    closed,
    failing,
    fields,
    raising,
    raising_at_once,
    request,
    starting,
)


def generator(make: Callable[[Any], Iterator[bytes]]) -> Middleware:
    """Break a layer that is a generator over the body."""
    return lambda app: lambda environ, start: make(app(environ, start))


def forgets_close(chunks: Any) -> Iterator[bytes]:
    yield from chunks


def closes_at_the_end_too(chunks: Any) -> Any:
    class Body(Closing):
        def __next__(self) -> bytes:
            try:
                return self.next_chunk()
            except StopIteration:
                self.close()
                raise

    return Body(chunks)


def drops_the_body(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        app(environ, start)
        return [b"mine"]

    return layer


def asks_twice(app: WSGIApplication) -> WSGIApplication:
    """Asks a first time only to look at the status."""

    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        app({**environ}, lambda *given: lambda chunk: None)
        return app(environ, start)

    return layer


def starts_itself_too(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: Any) -> Iterable[bytes]:
        start("200 OK", [HTML])
        return app(environ, start)

    return layer


def answers_error_without_exc_info(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        chunks: Any = ()
        try:
            chunks = app(environ, start)
            yield from chunks
        except BrokenError:
            start("500 Internal Server Error", [HTML])
            yield b"sorry"
        finally:
            closed(chunks)

    return layer


def says_sorry(chunks: Any) -> Iterator[bytes]:
    """Puts a word in place of an error, under the status that was sent."""
    try:
        yield from chunks
    except BrokenError:
        yield b"sorry"
    finally:
        closed(chunks)


def returns_nothing_for_errors(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start)
        except BrokenError:
            start("204 No Content", [])
            return []

    return layer


def get_for_head(app: WSGIApplication) -> WSGIApplication:
    return lambda environ, start: app({**environ, "REQUEST_METHOD": "GET"}, start)


def replaced(name: str, value: str) -> Middleware:
    def change(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
        kept = [pair for pair in headers if pair[0] != name]
        return start(status, [*kept, (name, value)], exc_info)

    return starting(change)


def twice_in_list(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start(status, headers + headers[:1], exc_info)


def empty_for_head(app: WSGIApplication) -> WSGIApplication:
    """Computes the length of what it sends, which to HEAD is nothing."""

    def layer(environ: WSGIEnvironment, start: Any) -> Iterable[bytes]:
        got: list[Any] = []

        def keep(*given: Any) -> Any:
            got.append(given)
            return lambda chunk: None

        closed(app(environ, keep))
        status, headers = got[0][:2]
        kept = [pair for pair in headers if pair[0] != "Content-Length"]
        start(status, [*kept, ("Content-Length", "0")])
        return []

    return layer


def truncates(chunks: Any) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            yield chunk
            break
    finally:
        closed(chunks)


def joins(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        chunks: Any = app(environ, start)
        try:
            return [b"".join(chunks)]
        finally:
            closed(chunks)

    return layer


def listed(change: Callable[[bytes], bytes]) -> Middleware:
    """Break a layer that makes a list of the body."""

    def make(chunks: Any) -> Any:
        try:
            return [change(chunk) for chunk in chunks]
        finally:
            closed(chunks)

    return body(make)


def looks_ahead(chunks: Any) -> Iterator[bytes]:
    try:
        before = None
        for chunk in chunks:
            if before is not None:
                yield before
            before = chunk
        if before is not None:
            yield before
    finally:
        closed(chunks)


def upper(chunks: Any) -> Any:
    class Body(WrappedBody):
        def __next__(self) -> bytes:
            return self.next_chunk().upper()

    return Body(chunks)


def adds_bytes(environ: Any) -> None:
    environ[b"NAME"] = "x"


def reads_into(environ: WSGIEnvironment) -> None:
    environ["wsgi.input"].readinto(bytearray(50))


def reads_all(environ: WSGIEnvironment) -> None:
    environ["wsgi.input"].read()


def in_a_thread(app: WSGIApplication) -> WSGIApplication:
    """Calls the application elsewhere, and forgets to close what it returns."""

    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        got: list[Any] = []
        thread = Thread(target=lambda: got.append(app(environ, start)), daemon=True)
        thread.start()
        thread.join(60)
        return list(got[0])

    return layer


def fresh_environ(app: WSGIApplication) -> WSGIApplication:
    """Makes an environ of its own, with a number in it."""

    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        kept = {name: value for name, value in environ.items() if name[0] != "m"}
        return app({**kept, "SERVER_PORT": 80}, start)

    return layer


def writes_after_length(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: Any) -> Iterable[bytes]:
        def start_more(*given: Any) -> Any:
            write = start(*given)
            write(b"more")
            return write

        return app(environ, start_more)

    return layer


def named(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start(status, headers=headers, exc_info=exc_info)


ERROR_PAGE = answering("500 Internal Server Error", ("Content-Length", "13"))
STRONG = ("ETag", '"one"')
LISTED = answering("200 OK", STRONG, body=lambda: [b"one"])
SIZED_LIST = answering("200 OK", ("Content-Length", "3"), body=lambda: [b"one"])
SIZED_EMPTY = answering("200 OK", ("Content-Length", "13"), body=list)
GZIPPED = answering("200 OK", ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"), STRONG)

# Name: the codes, the broken layer, the application, and the request.
VARIANTS: dict[str, tuple[str, Middleware, WSGIApplication, dict[str, Any]]] = {
    "generator without finally": ("close-lost", generator(forgets_close), answering(), {}),
    "close() at the end and by the server": (
        "close-twice", body(closes_at_the_end_too), answering(), {}
    ),
    "body dropped": ("close-lost", drops_the_body, answering(), {}),
    "asked twice, closed once": ("close-lost", asks_twice, answering(), {}),
    "asked in a thread": ("close-lost chunk-held", in_a_thread, answering(), {}),
    "start_response before the application": ("start-twice", starts_itself_too, answering(), {}),
    "error answered without exc_info": (
        "start-twice", answers_error_without_exc_info, raising, {}
    ),
    "exc_info lost": (
        "start-twice", starting(lambda start, status, headers, _: start(status, headers)),
        failing, {},
    ),
    "error replaced by a word": ("exception-swallowed", generator(says_sorry), raising, {}),
    "error answered with 204": (
        "exception-swallowed", returns_nothing_for_errors, raising_at_once, {}
    ),
    "GET below HEAD": ("body-on-head", get_for_head, TAGGED, HEAD),
    "Vary replaced": ("vary-lost", replaced("Vary", "Origin"), VARIED, {}),
    "Date replaced": ("date-moved", replaced("Date", "Sat, 21 Nov 2026 10:00:01 GMT"),
                      answering(), {}),
    "Date twice": ("header-twice", fields(DATE), answering(), {}),
    "type twice": ("header-twice", starting(twice_in_list), answering(), {}),
    "length twice": ("header-twice", fields(("Content-Length", "13")), SIZED, {}),
    "length of nothing to HEAD": ("length-wrong", empty_for_head, SIZED_EMPTY, HEAD),
    "length below zero": ("length-malformed", fields(("Content-Length", "-1")), answering(), {}),
    "length of another list": (
        "length-wrong", listed(lambda chunk: chunk + b"!"), SIZED_LIST, {}
    ),
    "body cut under its length": ("length-wrong", generator(truncates), SIZED, {}),
    "write() past the length": ("length-wrong", writes_after_length, SIZED, {}),
    "body joined": ("chunk-held", joins, answering(), {}),
    "a chunk behind": ("chunk-held", generator(looks_ahead), answering(), {}),
    "bytes changed, length kept": ("etag-kept", body(upper), TAGGED, {}),
    "list changed under its tag": (
        "etag-kept", listed(bytes.upper), LISTED, {}
    ),
    "unpacked under its tag": ("etag-kept", body(upper), GZIPPED, {}),
    "tag without quotes": ("etag-malformed", replaced("ETag", "one"), TAGGED, {}),
    "tag of an unknown kind": ("etag-malformed", fields(("ETag", "w/'one'")), answering(), {}),
    "cookie twice": ("cookie-twice", fields(("Set-Cookie", "a=3; Path=/")), COOKIES, {}),
    "connection kept open": (
        "header-hop-by-hop", fields(("Connection", "keep-alive")), answering(), {}
    ),
    "policy twice": (
        "header-twice",
        fields(("X-Frame-Options", "DENY"), ("X-Frame-Options", "SAMEORIGIN")), answering(), {},
    ),
    "status as a number": (
        "status-malformed",
        starting(lambda start, _, headers, exc_info: start(200, headers, exc_info)),
        answering(), {},
    ),
    "status of two lines": (
        "status-malformed",
        starting(lambda start, _, headers, exc_info: start("200 OK\r\nA: b", headers, exc_info)),
        answering(), {},
    ),
    "start_response by name": ("start-named", starting(named), answering(), {}),
    "input read to the end": ("input-past-end", request(reads_all), answering(), POST),
    "input read into too much": ("input-past-end", request(reads_into), answering(), POST),
    "input read without a length": ("input-past-end", request(reads_all), answering(), {}),
    "input removed": (
        "environ-value", request(lambda environ: environ.pop("wsgi.input") and None),
        answering(), {},
    ),
    "errors of no file": (
        "environ-value", request(lambda environ: environ.update({"wsgi.errors": None})),
        answering(), {},
    ),
    "path of bytes": (
        "environ-value", request(lambda environ: environ.update(PATH_INFO=b"/")), answering(), {}
    ),
    "no path at all": (
        "environ-value", request(lambda environ: environ.pop("PATH_INFO") and None),
        answering(), {},
    ),
    "user of nobody": (
        "environ-value", request(lambda environ: environ.update(REMOTE_USER=None)),
        answering(), {},
    ),
    "number in an environ of its own": ("environ-value", fresh_environ, answering(), {}),
    "name of bytes": (
        "environ-value", request(adds_bytes), answering(), {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_is_named_with_its_layer(name: str) -> None:
    codes, broken, app, options = VARIANTS[name]
    for place in random.Random(name).sample(PLACES, 3):
        recorded = record(app, chain_with(broken, place))
        Lenient(create_environ(**options)).run_all(recorded)
        found = [(fault.layer, fault.code) for fault in lint(recorded.trace)]
        assert sorted(found) == sorted(("broken", code) for code in codes.split()), place


def test_tables_have_every_fault() -> None:
    variants = {code for codes, *_ in VARIANTS.values() for code in codes.split()}
    assert {code for code, *_ in TABLE.values()} | variants == set(FAULTS)


def test_input_may_be_read_again_from_its_begin() -> None:
    def rewinding(environ: WSGIEnvironment) -> None:
        stream = environ["wsgi.input"]
        assert stream.read(7) == b"a=1&b=2"
        assert stream.seek(0) == 0
        assert stream.read(7) == b"a=1&b=2"
        stream.seek(2)

    recorded = record(answering(), chain_with(request(rewinding), 4))
    Lenient(create_environ(**POST)).run_all(recorded)
    assert lint(recorded.trace) == []
    assert recorded.trace.layer("broken").input_bytes == 14


def test_input_may_begin_where_a_layer_above_has_stopped() -> None:
    def skipping(environ: WSGIEnvironment) -> None:
        environ["wsgi.input"] = BytesIO(b"skipped a=1&b=2")
        environ["wsgi.input"].seek(8)

    def rewinding(environ: WSGIEnvironment) -> None:
        stream = environ["wsgi.input"]
        begin = stream.tell()
        assert stream.read(7) == b"a=1&b=2"
        stream.seek(begin)
        assert stream.read(7) == b"a=1&b=2"

    layers = chain_with(request(skipping), 4)
    layers[5] = Layer("rewinding", request(rewinding), "")
    recorded = record(answering(), layers)
    Lenient(create_environ(**POST)).run_all(recorded)
    assert lint(recorded.trace) == []


def test_input_without_a_length_may_come_in_pieces() -> None:
    environ = create_environ(headers={"Transfer-Encoding": "chunked"})
    recorded = record(answering(), chain_with(request(reads_all), 4))
    Lenient(environ).run_all(recorded)
    assert lint(recorded.trace) == []


def test_error_after_an_error_page_may_be_answered_with_the_same_status() -> None:
    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        start("500 Internal Server Error", [HTML])
        yield b""
        raise BrokenError

    recorded = record(app, chain_with(answers_with_exc_info, 4))
    Lenient(create_environ()).run_all(recorded)
    assert lint(recorded.trace) == []


def answers_with_exc_info(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        chunks: Any = ()
        try:
            chunks = app(environ, start)
            yield from chunks
        except BrokenError as error:
            trace = error.__traceback__
            assert trace is not None
            start("500 Internal Server Error", [HTML], (type(error), error, trace))
            yield b"sorry"
        finally:
            closed(chunks)

    return layer


@pytest.mark.parametrize(
    ("above", "code", "below"),
    [
        (fields(("X-Wide", "☃")), "header-malformed", fields(("X-Number", 5))),
        (replaced("Date", "Sat, 21 Nov 2026 10:00:01 GMT"), "date-moved", fields(["X-List", "1"])),
        (joins, "chunk-held", fields(("X-Number", 5))),
        (replaced("Date", "Sat, 21 Nov 2026 10:00:01 GMT"), "date-moved", fields(("X-Wide", "☃"))),
    ],
)
def test_fault_above_another_is_named_too(above: Any, code: str, below: Any) -> None:
    layers = chain_with(above, 1)
    layers[7] = Layer("below", below, "")
    recorded = record(answering(), layers)
    Lenient(create_environ()).run_all(recorded)
    found = [(fault.layer, fault.code) for fault in lint(recorded.trace)]
    assert len(found) == 2
    assert found[0] == ("broken", code)
    assert found[1][0] == "below"


def test_byte_added_to_a_body_that_may_not_be_is_no_fault_of_its_own() -> None:
    layers = chain_with(body(More), 1)
    layers[7] = Layer("below", body(Adds), "")
    recorded = record(answering("204 No Content", body=list), layers)
    Lenient(create_environ()).run_all(recorded)
    assert [(fault.layer, fault.code) for fault in lint(recorded.trace)] == [
        ("below", "body-on-204")
    ]


def test_length_of_text_is_not_judged() -> None:
    layers = chain_with(body(Texts), 1)
    layers[7] = Layer("below", fields(("Content-Length", "1")), "")
    recorded = record(answering(), layers)
    Lenient(create_environ()).run_all(recorded)
    assert [(fault.layer, fault.code) for fault in lint(recorded.trace)] == [
        ("broken", "chunk-type"),
        ("below", "length-wrong"),
    ]


LONG = "n" * 300
LONG_PATH = f"/{'p' * 40}"


@pytest.mark.parametrize(
    "lines",
    [
        ("a=1; Path=/", "a=2; Path=/a"),
        ("a=1; Path=/A", "a=2; Path=/a"),
        ("a=1; Path=/; Secure", "a=2; Path=/; Secure; Partitioned"),
        # These are cut when they are recorded.
        (f"a=1; Path={LONG_PATH}1", f"a=2; Path={LONG_PATH}2"),
        (f"a=1; Domain={LONG}.example", f"a=2; Domain={LONG}.test"),
        (f"{LONG}1=1", f"{LONG}2=2"),
    ],
)
def test_same_cookie_in_another_place_is_another(lines: tuple[str, str]) -> None:
    cookies = [("Set-Cookie", line) for line in lines]
    recorded = record(answering(), chain_with(fields(*cookies), 4))
    Lenient(create_environ()).run_all(recorded)
    assert lint(recorded.trace) == []


def test_long_tag_is_a_tag() -> None:
    recorded = record(answering(), chain_with(fields(("ETag", f'"{LONG}"')), 4))
    Lenient(create_environ()).run_all(recorded)
    assert lint(recorded.trace) == []


def test_of_long_fields_the_end_is_not_judged() -> None:
    varies = ", ".join(f"X-Field-{number}" for number in range(40))
    changed = [("ETag", f'"{LONG}2"'), ("Vary", f"X-First, {varies}, X-Last")]

    def shouting(app: WSGIApplication) -> WSGIApplication:
        """Makes another representation, with a tag of its own."""

        def layer(environ: WSGIEnvironment, start: Any) -> Any:
            def start_changed(status: str, headers: Headers, *rest: Any) -> Any:
                kept = [pair for pair in headers if pair[0] not in {"ETag", "Vary"}]
                return start(status, [*kept, *changed], *rest)

            return upper(app(environ, start_changed))

        return layer

    app = answering("200 OK", ("ETag", f'"{LONG}1"'), ("Vary", varies))
    recorded = record(app, chain_with(shouting, 4))
    Lenient(create_environ()).run_all(recorded)
    assert lint(recorded.trace) == []


def test_refusal_of_head_has_a_length_of_its_own() -> None:
    def refused(start: Any, _: str, headers: Headers, exc_info: Any) -> Any:
        kept = [pair for pair in headers if pair[0] != "Content-Length"]
        return start("412 Precondition Failed", [*kept, ("Content-Length", "0")], exc_info)

    recorded = record(SIZED_EMPTY, chain_with(starting(refused), 4))
    Lenient(create_environ(**HEAD)).run_all(recorded)
    assert lint(recorded.trace) == []


def test_iterator_in_place_of_the_body_loses_its_close() -> None:
    recorded = record(answering(), chain_with(body(lambda chunks: iter(iter(chunks))), PLACES[-1]))
    Lenient(create_environ()).run_all(recorded)
    assert [(fault.layer, fault.code) for fault in lint(recorded.trace)] == [
        ("broken", "close-lost")
    ]


def test_body_that_is_left_early_is_closed_as_often_as_without() -> None:
    def delegating(chunks: Any) -> Iterator[bytes]:
        try:
            yield from chunks
        finally:
            closed(chunks)

    kept = TrackedBody(b"one", b"two")
    recorded = record(answering(body=lambda: kept), chain_with(generator(delegating), PLACES[-1]))
    exchange = Exchange().call(recorded)
    exchange.step()
    exchange.close()
    assert (kept.closes, kept.iterator_closes) == (1, 1)
    assert lint(recorded.trace) == []


def test_body_that_cannot_be_iterated_is_a_fault_of_its_layer() -> None:
    class Unready(TrackedBody):
        def __iter__(self) -> Iterator[bytes]:
            raise BrokenError

    recorded = record(answering(body=Unready), chain_with(None, 0))
    with pytest.raises(BrokenError):
        Exchange().run(recorded)
    assert recorded.trace.layer("app").raised[0].name == "BrokenError"


def test_generator_that_delegates_closes_twice_when_it_is_left_early() -> None:
    """As the layer of OpenTelemetry does: `yield from` has closed what is its own iterator."""

    def delegating(chunks: Any) -> Iterator[bytes]:
        try:
            yield from chunks
        finally:
            closed(chunks)

    def lasting() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    recorded = record(answering(body=lasting), chain_with(generator(delegating), PLACES[-1]))
    exchange = Exchange().call(recorded)
    exchange.step()
    exchange.close()
    assert [(fault.layer, fault.code) for fault in lint(recorded.trace)] == [
        ("broken", "close-twice")
    ]


def test_layer_whose_body_starts_when_it_is_asked_for_its_iterator_is_at_work_then() -> None:
    class Late(TrackedBody):
        def __init__(self, start: Any) -> None:
            super().__init__(b"one")
            self.start = start

        def __iter__(self) -> Iterator[bytes]:
            with span("work", "begin"):
                self.start("200 OK", [HTML])
            return super().__iter__()

    recorded = record(lambda environ, start: Late(start), [Layer("outer", body(WrappedBody), "")])
    Exchange().run(recorded)
    assert [each.layer for each in recorded.trace.spans] == [recorded.trace.visits[-1].name]
    assert lint(recorded.trace) == []
