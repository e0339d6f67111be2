from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware._wsgi import Headers, WrappedBody, changing_headers
from middleware.chain import Layer, chain
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware
from middleware.xray.probe import KEY, Recorder
from middleware.xray.spans import outside
from middleware.xray.trace import MAX_VISITS, Trace
from middleware.xray.visit import MAX_STARTS
from tests.middleware.contract import Contract
from tests.middleware.serving import BrokenError, Exchange, TrackedBody, answering, serve

LAYERS = [
    Layer("request id", RequestIDMiddleware, ""),
    Layer("security", SecurityHeadersMiddleware, ""),
]


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return chain(LAYERS, app, Recorder().probe)


class TestContractOfOneProbe(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return Recorder().probe("application", app)


class TestContractUnrecorded(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return chain(LAYERS, app, Recorder(when=lambda environ: False).probe)


def recorded(
    app: WSGIApplication, *layers: Callable[[WSGIApplication], WSGIApplication]
) -> tuple[WSGIApplication, Recorder]:
    recorder = Recorder()
    named = [Layer(f"layer {n}", layer, "") for n, layer in enumerate(layers)]
    return chain(named, app, recorder.probe), recorder


def changing(**entries: Any) -> Callable[[WSGIApplication], WSGIApplication]:
    def middleware(app: WSGIApplication) -> WSGIApplication:
        return lambda environ, start: app({**environ, **entries}, start)

    return middleware


def plain(app: WSGIApplication) -> WSGIApplication:
    return lambda environ, start_response: app(environ, start_response)


# The request.


def test_changes_of_environ_are_those_of_the_layer() -> None:
    def removing(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            del environ["HTTP_HOST"]
            environ["QUERY_STRING"] = "a=1"
            return app(environ, start)

        return layer

    app, recorder = recorded(answering(), changing(**{"test.new": 5}), plain, removing)
    serve(app)
    outer, unchanged, inner, application = recorder.traces[-1].visits
    assert outer.environ_changes.added == {"test.new": "5"}
    assert not unchanged.environ_changes
    assert inner.environ_changes.changed == {"QUERY_STRING": ("", "a=1")}
    assert inner.environ_changes.removed == {"HTTP_HOST": "localhost"}
    assert not application.environ_changes
    assert inner.set_environ("QUERY_STRING") == "a=1"
    assert outer.set_environ("test.new") == "5"


def test_whole_environ_is_recorded_without_secrets() -> None:
    app, recorder = recorded(answering())
    serve(app, "/a?token=sesame", headers={"Authorization": "Bearer sesame", "Cookie": "s=sesame"})
    trace = recorder.traces[-1]
    assert trace.environ["HTTP_AUTHORIZATION"] == trace.environ["HTTP_COOKIE"] == "[hidden]"
    assert "sesame" not in str([trace.environ, trace.query, trace.path])


def test_environ_is_let_go_at_the_end() -> None:
    app, recorder = recorded(answering(), plain)
    exchange = Exchange().call(app)
    assert recorder.traces[-1].root.raw_environ is not None
    while exchange.step():
        pass
    exchange.close()
    assert [visit.raw_environ for visit in recorder.traces[-1].visits] == [None, None]


def test_reads_of_the_input_are_the_readers() -> None:
    def reading(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            environ["wsgi.input"].read(2)
            return app(environ, start)

        return layer

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield environ["wsgi.input"].readline()

    wrapped, recorder = recorded(app, plain, reading, plain)
    done = serve(wrapped, method="POST", data=b"a=1&b=2")
    assert done.content == b"1&b=2"
    visits = recorder.traces[-1].visits
    assert [visit.input_bytes for visit in visits] == [0, 2, 0, 5]


def test_new_environ_belongs_to_the_same_request() -> None:
    def renewing(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return app({name: value for name, value in environ.items() if name != KEY}, start)

        return layer

    app, recorder = recorded(answering(), renewing, plain)
    serve(app)
    names = [visit.name for visit in recorder.traces[-1].visits]
    assert names == ["layer 0", "layer 1", "application"]


def test_layer_may_call_the_one_below_again() -> None:
    def repeating(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            app(environ, lambda *arguments: lambda chunk: None)
            return app(environ, start)

        return layer

    app, recorder = recorded(answering(), plain, repeating, plain)
    serve(app)
    trace = recorder.traces[-1]
    assert [visit.name for visit in trace.visits] == [
        "layer 0", "layer 1", "layer 2", "application", "layer 2", "application",
    ]  # fmt: skip
    assert [visit.name for visit in trace.layer("layer 1").below] == ["layer 2", "layer 2"]


def test_number_of_visits_is_bounded() -> None:
    def repeating(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            for _ in range(MAX_VISITS + 5):
                app(environ, lambda *arguments: lambda chunk: None)
            return app(environ, start)

        return layer

    app, recorder = recorded(answering(), repeating)
    assert serve(app).content == b"hello"
    assert len(recorder.traces[-1].visits) == MAX_VISITS


def test_chains_in_each_other_stay_apart() -> None:
    inner, inner_recorder = recorded(answering(), plain)
    outer, outer_recorder = recorded(inner, plain)
    serve(outer)
    assert len(outer_recorder.traces[-1].visits) == len(inner_recorder.traces[-1].visits) == 2


def test_unrecorded_request_leaves_no_trace() -> None:
    recorder = Recorder(when=lambda environ: environ["PATH_INFO"] == "/seen")
    app = chain(LAYERS, answering(), recorder.probe)
    for path in ("/seen", "/unseen"):
        serve(app, path)
    assert [trace.path for trace in recorder.traces] == ["/seen"]


def test_only_the_last_traces_are_kept() -> None:
    recorder = Recorder(keep=2)
    app = recorder.probe("application", answering())
    for path in ("/1", "/2", "/3"):
        serve(app, path)
    assert [trace.path for trace in recorder.traces] == ["/2", "/3"]


# The response.


def test_changes_of_the_headers_are_those_of_the_layer() -> None:
    def change(status: str, headers: Headers) -> Headers:
        return [("A", "2"), ("C", "3"), *headers[2:]]

    def layer(app: WSGIApplication) -> WSGIApplication:
        return lambda environ, start: app(environ, changing_headers(start, change))

    app, recorder = recorded(answering(headers=[("A", "1"), ("B", "2"), ("D", "4")]), plain, layer)
    serve(app)
    trace = recorder.traces[-1]
    visit = trace.layer("layer 1")
    assert not trace.layer("layer 0").header_changes
    assert (visit.added("c"), visit.removed("b"), visit.changed("a")) == ("3", "2", ("1", "2"))
    assert (visit.sent("d"), visit.sent("b")) == ("4", None)
    assert trace.layer("application").added("D") == "4"


def test_chunks_and_bytes_are_counted() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])(b"written")
        return TrackedBody(b"one", b"", b"three")

    wrapped, recorder = recorded(app, plain)
    serve(wrapped)
    for visit in recorder.traces[-1].visits:
        assert (visit.chunks, visit.bytes, visit.writes, visit.write_bytes) == (3, 8, 1, 7)
        assert visit.first_byte is not None
        assert visit.last_byte is not None
        assert visit.first_byte <= visit.last_byte


def test_list_passes_as_it_is_and_is_counted() -> None:
    kinds = []

    def looking(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            body = app(environ, start)
            kinds.append(type(body))
            return body

        return layer

    app, recorder = recorded(answering([b"one", b"two"]), looking)
    exchange = Exchange().call(app)
    assert kinds == [list]
    assert len(exchange.body) == 2  # type: ignore[arg-type] # By which servers compute a length.
    assert recorder.traces[-1].layer("application").chunks == 2


def test_close_is_recorded_with_who_called_it() -> None:
    app, recorder = recorded(answering(TrackedBody(b"one")), WrappedBodies, plain)
    serve(app)
    trace = recorder.traces[-1]
    closers = [list(visit.closed_by) for visit in trace.visits]
    assert closers == [["server"], ["layer 0"], ["layer 1"]]
    assert trace.closed_once()


class WrappedBodies:
    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return WrappedBody(self.app(environ, start))


# Errors.


def test_error_of_the_call_is_recorded_on_its_way() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise BrokenError("it broke")

    wrapped, recorder = recorded(app, plain)
    with pytest.raises(BrokenError):
        serve(wrapped)
    trace = recorder.traces[-1]
    texts = [(error.name, error.text, error.phase) for v in trace.visits for error in v.raised]
    assert texts == [("BrokenError", "it broke", 0)] * 2
    assert trace.is_done


def test_error_of_the_body_is_recorded() -> None:
    wrapped, recorder = recorded(answering(TrackedBody(error=BrokenError())))
    with pytest.raises(BrokenError):
        serve(wrapped)
    assert [error.phase for error in recorder.traces[-1].root.raised] == [1]


def test_end_is_reported_once() -> None:
    ended: list[Trace] = []
    recorder = Recorder(ended=ended.append)
    exchange = serve(recorder.probe("application", answering()))
    exchange.close()
    assert ended == list(recorder.traces)


# Time, and who is at work.


class Ticking:
    """A clock that a layer moves by its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        for module in ("running", "trace", "probe", "starts", "streams"):
            monkeypatch.setattr(f"middleware.xray.{module}.clock", lambda: self.now)

    def layer(self, call: float, start: float, step: float, close: float) -> Any:
        ticking = self

        class Slow(WrappedBody):
            def __next__(self) -> bytes:
                ticking.now += step
                return self.next_chunk()

            def after_close(self) -> None:
                ticking.now += close

        def middleware(app: WSGIApplication) -> WSGIApplication:
            def layer(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
                def slow_start(*arguments: Any) -> Any:
                    ticking.now += start
                    return start_response(*arguments)

                ticking.now += call
                return Slow(app(environ, slow_start))

            return layer

        return middleware


def test_time_is_the_layers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking = Ticking(monkeypatch)
    app, recorder = recorded(
        answering(TrackedBody(b"one")),
        ticking.layer(1, 10, 2, 3),
        ticking.layer(100, 1000, 200, 300),
    )
    serve(app)
    trace = recorder.traces[-1]
    # Each body is asked twice: for its chunk, and for its end.
    assert trace.layer("layer 0").own_seconds == (11, 4, 3)
    assert trace.layer("layer 1").own_seconds == (1100, 400, 300)
    assert trace.layer("application").own_seconds == (0, 0, 0)
    assert trace.seconds == 1818


def test_body_may_be_iterated_in_another_thread() -> None:
    app, recorder = recorded(answering(TrackedBody(b"one", b"two")), WrappedBodies)
    exchange = Exchange().call(app)
    other = Exchange().call(app)

    def finish() -> None:
        while exchange.step():
            pass
        exchange.close()

    other.step()
    thread = threading.Thread(target=finish)
    thread.start()
    thread.join(60)
    first, second = recorder.traces
    assert [visit.chunks for visit in first.visits] == [2, 2]
    assert [visit.chunks for visit in second.visits] == [1, 1]
    assert first.closed_once()
    assert first.root.closed_by == ("server",)
    assert not second.is_done


def test_threads_stay_apart() -> None:
    meeting = threading.Barrier(4, timeout=60)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        meeting.wait()
        start_response("200 OK", [("X-Path", environ["PATH_INFO"])])
        meeting.wait()
        yield environ["PATH_INFO"].encode()

    wrapped, recorder = recorded(app, WrappedBodies, plain)
    threads = [threading.Thread(target=serve, args=(wrapped, f"/{n}")) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {trace.path for trace in recorder.traces} == {"/0", "/1", "/2", "/3"}
    for trace in recorder.traces:
        assert [visit.sent("X-Path") for visit in trace.visits] == [trace.path] * 3


def test_environ_without_an_input_passes() -> None:
    app, _ = recorded(answering())
    environ = Exchange().environ
    del environ["wsgi.input"]
    assert Exchange(environ).run(app).content == b"hello"
    assert "wsgi.input" not in environ


def test_number_of_starts_is_bounded() -> None:
    def app(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        for _ in range(MAX_STARTS + 5):
            start_response("200 OK", [])
        return []

    wrapped, recorder = recorded(app)
    wrapped(Exchange().environ, lambda *given: lambda chunk: None)
    assert len(recorder.traces[-1].root.starts) == MAX_STARTS


def test_trace_of_another_recorder_is_not_ours() -> None:
    first, second = Recorder(), Recorder(when=lambda environ: False)
    inner = second.probe("inner", answering())
    outer = first.probe("outer", chain(LAYERS, inner, second.probe))
    serve(outer)
    assert [visit.name for visit in first.traces[-1].visits] == ["outer"]
    assert not second.traces


def test_unanswered_request_has_no_header_changes() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        yield b""

    wrapped, recorder = recorded(app)
    Exchange().call(wrapped)
    root = recorder.traces[-1].root
    assert not root.header_changes
    assert root.sent("Date") is None


def test_layer_may_call_the_next_in_another_thread() -> None:
    def elsewhere(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            bodies: list[Iterable[bytes]] = []
            thread = threading.Thread(target=lambda: bodies.append(app(environ, start)))
            thread.start()
            thread.join(60)
            return bodies[0]

        return layer

    app, recorder = recorded(answering(), elsewhere, plain)
    assert serve(app).content == b"hello"
    visits = recorder.traces[-1].visits
    assert [visit.name for visit in visits] == ["layer 0", "layer 1", "application"]
    assert visits[1].parent is visits[0]


def test_whole_chain_may_be_called_again_inside() -> None:
    def redirecting(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/again":
                return app(environ, start)
            whole(environ | {"PATH_INFO": "/again"}, lambda *given: lambda chunk: None)
            return app(environ, start)

        return layer

    whole, recorder = recorded(answering(), redirecting)
    serve(whole, "/first")
    first, again = recorder.traces
    assert (first.path, again.path) == ("/first", "/again")
    assert [len(trace.visits) for trace in (first, again)] == [2, 2]


def test_what_is_known_of_the_server_may_be_added() -> None:
    def began(trace: Trace, environ: WSGIEnvironment) -> None:
        trace.show_outside(
            lambda trace: [
                outside("nginx", -0.25, 0.125, token="sesame", host=environ["HTTP_HOST"])
            ]
        )

    recorder = Recorder(began=began)
    serve(recorder.probe("app", answering()))
    (server,) = recorder.traces[0].outside
    assert (server.kind, server.began, server.seconds) == ("nginx", -0.25, 0.125)
    assert server.facts == {"token": "[hidden]", "host": "localhost"}


def test_servers_are_bounded() -> None:
    def began(trace: Trace, environ: WSGIEnvironment) -> None:
        trace.show_outside(lambda trace: [outside("nginx", -1, -1)] * 30)

    recorder = Recorder(began=began)
    serve(recorder.probe("app", answering()))
    assert [server.seconds for server in recorder.traces[0].outside] == [0.0] * 10
