"""Each fault is named, with the layer that made it; sound layers are named with none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from threading import Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware._wsgi import Headers, WrappedBody, changing_headers
from middleware.chain import Layer
from middleware.xray.faults import Fault
from middleware.xray.lint import lint
from middleware.xray.record import record
from tests.middleware.serving import BrokenError, Exchange, TrackedBody, serve
from tests.waiting import HANGING_SECONDS

Middleware = Callable[[Any], Any]

HTML = ("Content-Type", "text/html; charset=utf-8")
DATE = ("Date", "Sat, 21 Nov 2026 10:00:00 GMT")
PLACES = range(10)


# Sound layers, of which the chain is made.


def plain(app: WSGIApplication) -> WSGIApplication:
    return lambda environ, start_response: app(environ, start_response)


def wrapping(app: WSGIApplication) -> WSGIApplication:
    return lambda environ, start_response: WrappedBody(app(environ, start_response))


def adding(app: WSGIApplication) -> WSGIApplication:
    def with_more(status: str, headers: Headers) -> Headers:
        return [*headers, (f"X-Added-{len(headers)}", "1")]

    return lambda environ, start: app(environ, changing_headers(start, with_more))


def copying(app: WSGIApplication) -> WSGIApplication:
    return lambda environ, start_response: app({**environ, "test.copied": 1}, start_response)


SOUND = [plain, wrapping, adding, copying]


# The application, and what it answers.


def answering(
    status: str = "200 OK", *headers: tuple[str, str], body: Callable[[], Any] | None = None
) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [HTML, DATE, *headers])
        return TrackedBody(b"one,", b"two,", b"three") if body is None else body()

    return app


def raising(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [HTML])
    yield b"one"
    raise BrokenError


def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [HTML])
    yield b"one"
    try:
        raise BrokenError
    except BrokenError as error:
        trace = error.__traceback__
        assert trace is not None
        start_response("500 Error", [HTML], (type(error), error, trace))


def empty(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return []


def raising_at_once(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise BrokenError


NOT_MODIFIED = answering("304 Not Modified", body=list)
NO_CONTENT = answering("204 No Content", body=list)
RESET = answering("205 Reset Content", body=list)


# Broken layers.


def starting(change: Callable[..., Any]) -> Middleware:
    """Break a layer in what it does instead of calling `start_response`."""

    def middleware(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
            def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
                return change(start_response, status, headers, exc_info)

            return app(environ, start)

        return layer

    return middleware


def fields(*headers: Any) -> Middleware:
    return starting(lambda start, status, old, exc_info: start(status, [*old, *headers], exc_info))


def status_of(status: Any) -> Middleware:
    return starting(lambda start, _, headers, exc_info: start(status, headers, exc_info))


def body(change: Callable[[Any], Any]) -> Middleware:
    return lambda app: lambda environ, start_response: change(app(environ, start_response))


def request(change: Callable[[WSGIEnvironment], Any]) -> Middleware:
    def middleware(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return app(change(environ) or environ, start_response)

        return layer

    return middleware


class Closing(WrappedBody):
    """Wraps a body, and closes it `times`."""

    times = 1

    def close(self) -> None:
        for _ in range(self.times):
            getattr(self._body, "close", lambda: None)()


class Never(Closing):
    times = 0


class Twice(Closing):
    times = 2


class Late(Closing):
    def close(self) -> None:
        super().close()
        with suppress(StopIteration):
            self.next_chunk()


class Texts(WrappedBody):
    def __next__(self) -> Any:
        return self.next_chunk().decode()


class More(WrappedBody):
    def __next__(self) -> bytes:
        return self.next_chunk() + b"!"


class ReadsAhead(WrappedBody):
    def __next__(self) -> bytes:
        chunk = self.next_chunk()
        with suppress(StopIteration):
            chunk += self.next_chunk()
        return chunk


class Swallows(WrappedBody):
    def __next__(self) -> bytes:
        try:
            return self.next_chunk()
        except BrokenError:
            raise StopIteration from None


class Adds(WrappedBody):
    def __init__(self, body: Iterable[bytes]) -> None:
        super().__init__(body)
        self.left = [b"more"]

    def __next__(self) -> bytes:
        try:
            return self.next_chunk()
        except StopIteration:
            if not self.left:
                raise
            return self.left.pop()


def twice(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    start(status, headers)
    with suppress(AssertionError):
        return start(status, headers)


def swallows_refusal(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    with suppress(BrokenError):
        return start(status, headers, exc_info)
    return lambda chunk: None


def writes_late(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kept: list[Any] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            kept.append(start_response(status, headers, exc_info))
            return kept[0]

        class Writing(WrappedBody):
            def __next__(self) -> bytes:
                kept[0](b"late")
                return self.next_chunk()

        return Writing(app(environ, start))

    return layer


def answers_early(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        kept: list[Any] = []

        def start(*arguments: Any) -> Any:
            kept.append(arguments)
            return lambda chunk: None

        answer = app(environ, start)
        try:
            yield b"early"
            start_response(*kept[0])
            yield from answer
        finally:
            getattr(answer, "close", lambda: None)()

    return layer


def never_starts(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, lambda *arguments: lambda chunk: None)

    return layer


def becomes_text(chunks: Any) -> Any:
    closed(chunks)
    return b"text"


def answers_with(status: str, *headers: tuple[str, str]) -> Middleware:
    """Answer an exception, as if it had not been."""

    def middleware(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            try:
                return app(environ, start_response)
            except BrokenError:
                start_response(status, [HTML, *headers])
                return [b"fine"]

        return layer

    return middleware


def swallows_close(app: WSGIApplication) -> WSGIApplication:
    class Body(WrappedBody):
        def close(self) -> None:
            with suppress(BrokenError):
                super().close()

    return body(Body)(app)  # type: ignore[no-any-return]


class BrokenClose(TrackedBody):
    def close(self) -> None:
        raise BrokenError


class Unflushed:
    def write(self, text: str) -> None:
        """Forget it."""

    writelines = write


class Text(str):
    """Equal to the text that it is made of."""


class Environ(dict[str, Any]):
    """No dict, as PEP 3333 wants one."""


def without_etag(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    kept = [pair for pair in headers if pair[0] != "ETag"]
    return start("304 Not Modified", kept, exc_info)


def without(name: str) -> Middleware:
    def change(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
        return start(status, [pair for pair in headers if pair[0] != name], exc_info)

    return starting(change)


def joins_cookies(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    cookies = ", ".join(value for name, value in headers if name == "Set-Cookie")
    kept = [pair for pair in headers if pair[0] != "Set-Cookie"]
    return start(status, [*kept, ("Set-Cookie", cookies)], exc_info)


def gzips(app: WSGIApplication) -> WSGIApplication:
    return body(More)(fields(("Content-Encoding", "gzip"))(app))  # type: ignore[no-any-return]


def moves_date(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    kept = [pair for pair in headers if pair[0] != "Date"]
    return start(status, [*kept, ("Date", "Sat, 21 Nov 2026 11:00:00 GMT")], exc_info)


def reads(*sizes: Any) -> Middleware:
    return request(lambda environ: [environ["wsgi.input"].read(size) for size in sizes] and None)


def reading(read: Callable[[Any], Any]) -> WSGIApplication:
    """Return an application that wants the request's body."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        read(environ["wsgi.input"])
        start_response("200 OK", [HTML, DATE])
        return [b"one"]

    return app


def reading_all(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read as much as there is said to be."""
    size = int(environ["CONTENT_LENGTH"])
    return reading(lambda stream: stream.read(size))(environ, start_response)


def with_input(content: bytes, **more: str) -> Middleware:
    def change(environ: WSGIEnvironment) -> None:
        environ["wsgi.input"].read(7)
        environ.update({"wsgi.input": BytesIO(content), **more})

    return request(change)


def read_in_a_thread(app: WSGIApplication) -> WSGIApplication:
    """Read some of the input where it is not known which layer runs."""

    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        thread = Thread(target=environ["wsgi.input"].read, args=(2,), daemon=True)
        thread.start()
        thread.join(HANGING_SECONDS)
        return app(environ, start_response)

    return layer


skips = request(lambda environ: environ["wsgi.input"].seek(2) and None)


class Wrapped(BytesIO):
    """Reads another stream."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def read(self, size: int | None = -1) -> bytes:
        content: bytes = self.stream.read(size)
        return content


def wraps_input(environ: WSGIEnvironment) -> None:
    environ["wsgi.input"] = Wrapped(environ["wsgi.input"])


def takes(size: int, left: str) -> Middleware:
    """Read some of the input, and say how much is left."""

    def change(environ: WSGIEnvironment) -> None:
        environ["wsgi.input"].read(size)
        environ["CONTENT_LENGTH"] = left

    return request(change)


def collapses(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    return start(status, list(dict(headers).items()), exc_info)


def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [HTML])
    write(b"one, ")
    return [b"two"]


def forgets_writes(start: Any, status: str, headers: Headers, exc_info: Any) -> Any:
    start(status, headers, exc_info)
    return lambda chunk: None


NOW = [0.0]


def takes_long(environ: WSGIEnvironment) -> None:
    NOW[0] += 2


COOKIES = answering("200 OK", ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/"))
TAGGED = answering("200 OK", ("ETag", '"one"'))
TAGGED_EMPTY = answering("200 OK", ("ETag", '"one"'), body=list)
ONE_CHUNK = answering(body=lambda: TrackedBody(b"one"))
SIZED = answering("200 OK", ("Content-Length", "13"))
PART = answering("206 Partial Content", ("Content-Range", "bytes 2-14/99"))
VARIED = answering("200 OK", ("Vary", "Accept, Cookie"))
POST: dict[str, Any] = {"method": "POST", "data": b"a=1&b=2", "content_type": "text/plain"}
HEAD = {"method": "HEAD"}

# Name: the code, the broken layer, the application, and the request.
TABLE: dict[str, tuple[str, Middleware, WSGIApplication, dict[str, Any]]] = {
    "close() lost": ("close-lost", body(Never), answering(), {}),
    "close() lost by joining": (
        "close-lost", body(lambda chunks: [b"".join(chunks)]), ONE_CHUNK, {}
    ),
    "close() doubled": ("close-twice", body(Twice), answering(), {}),
    "read after close": ("read-after-close", body(Late), answering(), {}),
    "second start_response": ("start-twice", starting(twice), answering(), {}),
    "no start_response": ("start-missing", never_starts, empty, {}),
    "bytes before start_response": ("start-late", answers_early, answering(), {}),
    "no write": (
        "start-write", starting(lambda start, *given: start(*given) and None), answering(), {}
    ),
    "status without a reason": ("status-malformed", status_of("200"), answering(), {}),
    "status of bytes": ("status-malformed", status_of(b"200 OK"), answering(), {}),
    "headers as a dictionary": (
        "headers-type",
        starting(lambda start, status, headers, exc_info: start(status, dict(headers), exc_info)),
        answering(), {},
    ),
    "headers as a tuple": (
        "headers-type",
        starting(lambda start, status, headers, exc_info: start(status, tuple(headers), exc_info)),
        answering(), {},
    ),
    "header of a number": ("headers-type", fields(("X-Number", 5)), answering(), {}),
    "header as a list": ("headers-type", fields(["X-List", "1"]), answering(), {}),
    "header of two lines": ("header-malformed", fields(("X-Lines", "a\r\nb: c")), answering(), {}),
    "header beyond latin-1": ("header-malformed", fields(("X-Wide", "☃")), answering(), {}),
    "header name with a space": ("header-name", fields(("X Space", "1")), answering(), {}),
    "header twice": ("header-twice", fields(HTML), answering(), {}),
    "hop-by-hop header": (
        "header-hop-by-hop", fields(("Transfer-Encoding", "chunked")), answering(), {}
    ),
    "header Status": ("header-status", fields(("Status", "200 OK")), answering(), {}),
    "cookies joined": ("cookies-joined", starting(joins_cookies), COOKIES, {}),
    "length too long": ("length-wrong", fields(("Content-Length", "99")), answering(), {}),
    "length too short": ("length-wrong", fields(("Content-Length", "1")), answering(), {}),
    "length not updated": ("length-wrong", body(More), SIZED, {}),
    "length of words": ("length-malformed", fields(("Content-Length", "all")), answering(), {}),
    "length on 204": ("length-not-allowed", fields(("Content-Length", "0")), NO_CONTENT, {}),
    "body on HEAD": ("body-on-head", body(Adds), empty, HEAD),
    "body on 204": ("body-on-204", body(Adds), NO_CONTENT, {}),
    "body on 205": ("body-on-205", body(Adds), RESET, {}),
    "body on 304": ("body-on-304", body(Adds), NOT_MODIFIED, {}),
    "body of text": ("body-type", body(becomes_text), answering(), {}),
    "chunks of text": ("chunk-type", body(Texts), answering(), {}),
    "chunk held back": ("chunk-held", body(ReadsAhead), answering(), {}),
    "write() in the body": ("write-late", writes_late, answering(), {}),
    "Vary lost": ("vary-lost", without("Vary"), VARIED, {}),
    "encoded without Vary": ("vary-missing", gzips, answering(), {}),
    "write() forgotten": ("write-lost", starting(forgets_writes), written, {}),
    "Content-Type lost": ("type-lost", without("Content-Type"), answering(), {}),
    "Location lost": (
        "field-lost", without("Location"), answering("303 See Other", ("Location", "/")), {}
    ),
    "headers made a dictionary": ("cookie-lost", starting(collapses), COOKIES, {}),
    "said to be encoded": (
        "encoding-wrong", fields(("Content-Encoding", "gzip")), answering(), {}
    ),
    "encoding forgotten": (
        "encoding-wrong", without("Content-Encoding"),
        answering("200 OK", ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")), {},
    ),
    "part of another length": ("range-wrong", body(More), PART, {}),
    "digest kept": (
        "digest-kept", body(More), answering("200 OK", ("Content-Digest", "sha-256=:YQ==:")), {}
    ),
    "date of its own form": (
        "date-malformed", fields(("Last-Modified", "2026-11-21 10:00")), answering(), {}
    ),
    "ETag kept": ("etag-kept", body(More), TAGGED, {}),
    "304 without its ETag": ("not-modified-fields", starting(without_etag), TAGGED_EMPTY, {}),
    "Date moved": ("date-moved", starting(moves_date), answering(), {}),
    "environ not a dict": ("environ-class", request(Environ), answering(), {}),
    "environ with a number": (
        "environ-value", request(lambda environ: environ.update(REMOTE_PORT=5)), answering(), {}
    ),
    "environ with a text of its own": (
        "environ-value",
        request(lambda environ: environ.update(REQUEST_METHOD=Text(environ["REQUEST_METHOD"]))),
        answering(), {},
    ),
    "environ beyond latin-1": (
        "environ-value", request(lambda environ: environ.update(PATH_INFO="/☃")), answering(), {}
    ),
    "environ path": (
        "environ-value", request(lambda environ: environ.update(PATH_INFO="x")), answering(), {}
    ),
    "environ with a method of two words": (
        "environ-value", request(lambda environ: environ.update(REQUEST_METHOD="GET /")),
        answering(), {},
    ),
    "environ without a port": (
        "environ-value", request(lambda environ: environ.update(SERVER_PORT="")), answering(), {}
    ),
    "errors that cannot be flushed": (
        "environ-value", request(lambda environ: environ.update({"wsgi.errors": Unflushed()})),
        answering(), {},
    ),
    "environ without a method": (
        "environ-value", request(lambda environ: environ.pop("SERVER_NAME") and None), answering(),
        {},
    ),
    "input read past the end": ("input-past-end", reads(7, 1), answering(), POST),
    "input read beyond its length": ("input-past-end", reads(8), answering(), POST),
    "length of the request grown": (
        "environ-value", request(lambda environ: environ.update(CONTENT_LENGTH="99")),
        reading_all, POST,
    ),
    "length of the request shrunk": (
        "environ-value", request(lambda environ: environ.update(CONTENT_LENGTH="3")),
        reading_all, POST,
    ),
    "header of its own twice": (
        "header-twice", fields(("X-Request-ID", "1"), ("X-Request-ID", "1")), answering(), {}
    ),
    "input taken": ("input-taken", reads(7), reading(lambda stream: stream.read(7)), POST),
    "input taken in part": ("input-taken", reads(3), reading(lambda stream: stream.read(7)), POST),
    "input taken, below read by lines": (
        "input-taken", reads(7), reading(lambda stream: stream.readline()), POST
    ),
    "input taken, below iterated": ("input-taken", reads(7), reading(list), POST),
    "input taken, below read to its end": (
        "input-taken", reads(2, 5), reading(lambda stream: stream.read()),
        {**POST, "environ_overrides": {"wsgi.input_terminated": True}},
    ),
    "input of pieces taken": (
        "input-taken", reads(7), reading(lambda stream: stream.read(5)),
        {**POST, "environ_overrides": {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}},
    ),
    "input replaced by less": (
        "input-short", with_input(b"a=1"), reading(lambda stream: stream.read(7)), POST
    ),
    "input closed": (
        "input-closed", request(lambda environ: environ["wsgi.input"].close()), answering(), POST
    ),
    "exception swallowed": ("exception-swallowed", body(Swallows), raising, {}),
    "exception of close() swallowed": (
        "exception-swallowed", swallows_close, answering(body=lambda: BrokenClose(b"one")), {}
    ),
    "exception answered with success": (
        "exception-swallowed", answers_with("200 OK"), raising_at_once, {}
    ),
    "refusal swallowed": ("refusal-swallowed", starting(swallows_refusal), failing, {}),
    "slow": ("slow", request(takes_long), answering(), {}),
}  # fmt: skip


def closed(chunks: Any) -> None:
    getattr(chunks, "close", lambda: None)()


class Lenient(Exchange):
    """A server that bears every fault, as some do."""

    def run_all(self, app: WSGIApplication) -> None:
        body: Any = ()
        with suppress(BrokenError):
            body = app(self.environ, self.start)
        try:
            for chunk in body:
                self.headers_sent = self.headers_sent or bool(chunk)
        except BrokenError:
            pass
        finally:
            with suppress(BrokenError):
                closed(body)

    def start(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info is not None and self.headers_sent:
            raise exc_info[1]
        return lambda chunk: None


def chain_with(broken: Middleware | None, place: int) -> list[Layer]:
    layers = [Layer(f"layer {n}", SOUND[n % len(SOUND)], "") for n in PLACES]
    if broken is not None:
        layers[place] = Layer("broken", broken, "")
    return layers


@pytest.mark.parametrize("name", TABLE)
def test_fault_is_named_with_its_layer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, broken, app, options = TABLE[name]
    for module in ("probe", "running", "starts", "streams"):
        monkeypatch.setattr(f"middleware.xray.{module}.clock", lambda: NOW[0])
    for place in PLACES:
        recorded = record(app, chain_with(broken, place))
        Lenient(create_environ(**options)).run_all(recorded)
        found = [(fault.layer, fault.code) for fault in lint(recorded.trace)]
        assert found == [("broken", code)], place


@pytest.mark.parametrize("name", TABLE)
def test_sound_chain_has_no_fault(name: str) -> None:
    _, _, app, options = TABLE[name]
    if app in (failing, raising):
        return
    recorded = record(app, chain_with(None, 0))
    Lenient(create_environ(**options)).run_all(recorded)
    assert lint(recorded.trace) == []


def test_fault_reads_as_a_sentence() -> None:
    fault = Fault("cache", "length-wrong", "5, but 6 bytes came")
    assert str(fault) == (
        "cache: Content-Length is not the length of the body (5, but 6 bytes came). "
        "RFC 9110 section 8.6"
    )
    assert str(Fault("cache", "close-lost", "")).startswith("cache: close() of the body was never")


def test_request_that_runs_has_no_fault_yet() -> None:
    recorded = record(raising, chain_with(body(Swallows), 3))
    exchange = Exchange().call(recorded)
    while exchange.step():
        pass
    assert lint(recorded.trace) == []
    exchange.close()
    assert [fault.code for fault in lint(recorded.trace)] == ["exception-swallowed"]


def test_304_may_be_made_of_a_200_of_the_same_fields() -> None:
    recorded = record(TAGGED_EMPTY, chain_with(status_of("304 Not Modified"), 3))
    serve(recorded)
    assert lint(recorded.trace) == []


def test_head_may_leave_out_the_body_under_the_same_etag() -> None:
    def silent(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            closed(app({**environ, "REQUEST_METHOD": "GET"}, start))
            return []

        return layer

    recorded = record(TAGGED, chain_with(silent, 3))
    serve(recorded, method="HEAD")
    assert lint(recorded.trace) == []


@pytest.mark.parametrize(
    "layer",
    [
        answers_with("404 Not Found"),
        answers_with("302 Found"),
        answers_with("200 OK", ("Age", "5")),
    ],
    ids=["error", "redirect", "stored response"],
)
def test_exception_may_become_a_response(layer: Middleware) -> None:
    recorded = record(raising_at_once, chain_with(layer, 3))
    Lenient(create_environ()).run_all(recorded)
    assert lint(recorded.trace) == []


def test_layer_that_closes_early_is_named_for_what_others_read() -> None:
    def closes(body: Any) -> Any:
        body.close()
        return body

    recorded = record(answering(), chain_with(body(closes), 3))
    Lenient(create_environ()).run_all(recorded)
    found = {(fault.layer, fault.code) for fault in lint(recorded.trace)}
    assert found == {("broken", "close-twice"), ("broken", "read-after-close")}


def test_upgrade_that_is_demanded_allows_no_other_field_of_the_connection() -> None:
    fields = ("Upgrade", "websocket"), ("Keep-Alive", "timeout=5")
    recorded = record(answering("426 Upgrade Required", *fields))
    Lenient(create_environ()).run_all(recorded)
    assert [(each.code, each.detail) for each in lint(recorded.trace)] == [
        ("header-hop-by-hop", "keep-alive")
    ]


def test_answer_that_demands_an_upgrade_says_which() -> None:
    recorded = record(answering("426 Upgrade Required", ("Upgrade", "websocket")))
    Lenient(create_environ()).run_all(recorded)
    assert lint(recorded.trace) == []


@pytest.mark.parametrize(
    ("layer", "read"),
    [
        (with_input(b"a=1&b=2"), lambda stream: stream.read(7)),
        (with_input(b"a=1", CONTENT_LENGTH="3"), lambda stream: stream.read(3)),
        (with_input(b""), id),
        (reads(7), lambda stream: stream.read(0)),
        (takes(7, "0"), lambda stream: stream.read(0)),
        (takes(3, "4"), lambda stream: stream.read(4)),
        (reads(3), lambda stream: stream.read(4)),
        (skips, lambda stream: stream.read(5)),
        (read_in_a_thread, lambda stream: stream.read(5)),
        (reads(3, 4), lambda stream: stream.seek(0) or stream.read(7)),
        (request(lambda environ: None), lambda stream: [stream.read(7), stream.readline()]),
    ],
)
def test_layers_may_read_the_input(layer: Middleware, read: Callable[[Any], Any]) -> None:
    recorded = record(reading(read), chain_with(layer, 4))
    serve(recorded, **POST)
    found = [(fault.layer, fault.code) for fault in lint(recorded.trace)]
    assert found == []


def test_client_that_left_is_no_fault_of_a_layer() -> None:
    def read(stream: Any) -> None:
        while stream.read(5):
            pass

    recorded = record(reading(read), chain_with(request(wraps_input), 4))
    serve(recorded, environ_overrides={"CONTENT_LENGTH": "20"}, **POST)
    assert lint(recorded.trace) == []


def test_each_layer_is_named_once_for_its_input() -> None:
    def read(stream: Any) -> None:
        for _ in range(3):
            stream.read(4)

    recorded = record(reading(read), chain_with(with_input(b"a"), 4))
    serve(recorded, **POST)
    assert [fault.code for fault in lint(recorded.trace)] == ["input-short"]
    recorded = record(reading(read), chain_with(reads(7), 4))
    serve(recorded, environ_overrides={"wsgi.input_terminated": True}, **POST)
    assert [fault.code for fault in lint(recorded.trace)] == ["input-taken"]


def test_nothing_may_be_written() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [HTML])(b"")
        return [b"one"]

    recorded = record(app, chain_with(None, 0))
    serve(recorded)
    assert lint(recorded.trace) == []
    assert recorded.trace.root.writes == 1


def test_length_of_a_request_in_pieces_is_for_a_layer_to_say() -> None:
    layer = request(lambda environ: environ.update(CONTENT_LENGTH="7"))
    recorded = record(reading(lambda stream: stream.read(7)), chain_with(layer, 4))
    pieces = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    serve(recorded, environ_overrides=pieces, **POST)
    assert lint(recorded.trace) == []
