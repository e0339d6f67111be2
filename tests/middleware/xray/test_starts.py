from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware.chain import Layer
from middleware.xray import lint, record
from tests.middleware.serving import answering, serve


def passing(name: str) -> Layer:
    return Layer(name, lambda app: lambda *given: app(*given), "")


def wrapping(name: str) -> Layer:
    def middleware(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
            return app(environ, lambda *given: start_response(*given))

        return layer

    return Layer(name, middleware, "")


def test_layers_that_pass_it_on_share_one_record() -> None:
    recorded = record(answering(), [passing("one"), wrapping("two"), passing("three")])
    serve(recorded)
    starts = [visit.starts[0] for visit in recorded.trace.visits]
    assert len(set(map(id, starts))) == 2
    assert starts[0] is starts[1]
    assert starts[2] is starts[3]


def test_layer_that_passed_it_on_may_call_it_too() -> None:
    def replacing(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            app(environ, start_response)
            try:
                raise ValueError
            except ValueError:
                start_response("500 Oh", [("Content-Length", "0")], sys.exc_info())
            return []

        return layer

    layers = [passing("one"), Layer("two", replacing, ""), passing("three")]
    recorded = record(answering([]), layers)
    serve(recorded)
    assert [visit.status for visit in recorded.trace.visits] == ["500 Oh"] * 2 + ["200 OK"] * 2
    assert recorded.trace.answering.name == "two"


def test_fault_of_a_shared_call_is_the_callers() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", (("A", "1"),))  # type: ignore[arg-type]
        return []

    recorded = record(app, [wrapping("one"), passing("two"), passing("three")])
    body = recorded({"PATH_INFO": "/"}, lambda *given: lambda chunk: None)
    list(body)
    body.close()  # type: ignore[attr-defined]
    faults = [(fault.layer, fault.code) for fault in lint(recorded.trace)]
    assert faults == [("application", "headers-type")]


def in_thread(work: Any) -> Any:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(work()))
    thread.start()
    thread.join()
    return got[0]


def test_calls_in_a_thread_of_its_own_are_the_innermost_layers() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = in_thread(lambda: start_response("200 OK", [("Content-Type", "text/plain")]))
        in_thread(lambda: write(b"one"))
        return []

    recorded = record(app, [passing("one")])
    assert serve(recorded).content == b"one"
    assert [len(visit.starts) for visit in recorded.trace.visits] == [1, 1]
    assert [visit.write_bytes for visit in recorded.trace.visits] == [3, 3]
    assert [visit.content_bytes for visit in recorded.trace.visits] == [3, 3]
    assert lint(recorded.trace) == []


def test_application_alone_may_write() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"one")
        return []

    recorded = record(app)
    assert serve(recorded).content == b"one"
    assert recorded.trace.root.writes == 1


def test_write_of_one_request_may_be_called_in_another() -> None:
    kept: list[Any] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(start_response("200 OK", [("Content-Type", "text/plain")]))
        kept[0](b"one")
        return []

    recorded = record(app)
    serve(recorded)
    serve(recorded)
    assert [trace.root.writes for trace in recorded.traces] == [2, 0]
    assert recorded.trace.root.own_seconds[0] >= 0
