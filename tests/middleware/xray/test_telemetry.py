from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from middleware.chain import Layer, chain
from middleware.xray import Recorder, Trace, outside, span
from middleware.xray.telemetry import Telemetry
from tests.middleware.serving import BrokenError, Exchange, answering, serve
from tests.waiting import wait_until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OUTER = Layer("outer", lambda app: lambda *given: app(*given), "")


class Backend:
    """What a collector would get."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.made = 0

    def tracer(self) -> Tracer:
        self.made += 1
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        return provider.get_tracer("test")

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {each.name: each for each in self.exporter.get_finished_spans()}


def sent(app: WSGIApplication, traceparent: str = "", **options: Any) -> dict[str, ReadableSpan]:
    """Return the spans of a request, by their names."""
    backend = Backend()
    traces: list[Trace] = []
    recorder = Recorder(ended=traces.append, **options)
    fields = {"traceparent": traceparent, "tracestate": "a=b"} if traceparent else {}
    with suppress(BrokenError):
        serve(chain([OUTER], app, recorder.probe), "/rooms?token=sesame", headers=fields)
    telemetry = Telemetry(backend.tracer)
    telemetry.waiting.extend(traces)
    telemetry.flush()
    return backend.spans


def parent_of(spans: dict[str, ReadableSpan], name: str) -> str:
    """Name the span in which another is."""
    parent = spans[name].parent
    return next(
        (each.name for each in spans.values() if parent and each.context.span_id == parent.span_id),
        "",
    )


def working(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    with span("sql", "SELECT 1") as work:
        work.set(rows=3)
    with pytest.raises(BrokenError), span("job", "render"):
        raise BrokenError
    environ["middleware.xray"].set(route="/rooms")
    return answering()(environ, start_response)


def test_each_layer_and_work_is_a_span_in_what_called_it() -> None:
    spans = sent(working)
    assert set(spans) == {"GET /rooms", "outer", "working", "sql SELECT", "job render"}
    assert parent_of(spans, "outer") == "GET /rooms"
    assert parent_of(spans, "working") == "outer"
    assert parent_of(spans, "sql SELECT") == parent_of(spans, "job render") == "working"
    assert len({each.context.trace_id for each in spans.values()}) == 1
    for each in spans.values():
        assert each.start_time <= each.end_time  # type: ignore[operator]


def test_spans_say_what_conventions_say() -> None:
    spans = sent(working)
    root = spans["GET /rooms"]
    assert root.kind is SpanKind.SERVER
    assert root.attributes is not None
    assert root.attributes["http.request.method"] == "GET"
    assert root.attributes["http.response.status_code"] == 200
    assert root.attributes["http.route"] == "/rooms"
    assert root.attributes["url.query"] == "token=[hidden]"
    sql = spans["sql SELECT"]
    assert (sql.kind, sql.attributes) == (
        SpanKind.CLIENT, {"db.query.text": "SELECT 1", "xray.rows": "3"},
    )  # fmt: skip
    assert spans["job render"].status.status_code is StatusCode.ERROR
    assert root.status.status_code is StatusCode.UNSET


def test_trace_is_continued() -> None:
    root = sent(answering(), f"00-{TRACE}-{PARENT}-01")["GET"]
    assert root.parent is not None
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == PARENT
    assert root.context.trace_state["a"] == "b"


def test_whoever_asks_decides_whether_it_is_sampled() -> None:
    assert sent(answering(), f"00-{TRACE}-{PARENT}-00") == {}


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{PARENT}-01", "x"],
    ids=["no trace", "no parent", "no version", "no field"],
)
def test_invalid_field_begins_a_trace(traceparent: str) -> None:
    root = sent(answering(), traceparent)["GET"]
    assert root.parent is None
    assert f"{root.context.trace_id:032x}" != TRACE


def test_error_is_an_event_of_the_layers_that_it_left() -> None:
    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise BrokenError("token=sesame")

    spans = sent(broken)
    for name in ("outer", "broken"):
        (event,) = spans[name].events
        assert event.attributes == {
            "exception.type": "BrokenError", "exception.message": "token=[hidden]",
        }  # fmt: skip
        assert spans[name].status.status_code is StatusCode.ERROR
    assert spans["GET"].status.status_code is StatusCode.ERROR
    assert "http.response.status_code" not in (spans["GET"].attributes or {})


def test_server_stands_before_the_layers() -> None:
    def began(trace: Trace, environ: WSGIEnvironment) -> None:
        trace.show_outside(lambda trace: [outside("nginx", -0.5, 0.25, request_id="a")])

    spans = sent(answering(), began=began)
    assert parent_of(spans, "nginx") == "GET"
    assert spans["nginx"].start_time == spans["GET"].start_time
    assert spans["nginx"].attributes == {"xray.request_id": "a"}


def added(telemetry: Telemetry) -> Trace:
    recorder = Recorder(ended=telemetry.add)
    Exchange().run(recorder.probe("application", answering()))
    return recorder.traces[-1]


def test_thread_sends_what_has_ended() -> None:
    backend = Backend()
    telemetry = Telemetry(backend.tracer)
    first = added(telemetry)
    wait_until(lambda: len(backend.exporter.get_finished_spans()) == 2)
    added(telemetry)
    wait_until(lambda: len(backend.exporter.get_finished_spans()) == 4)
    assert backend.made == 1
    assert f"{backend.spans['GET'].context.trace_id:032x}" != first.facts["trace_id"]


def test_process_after_a_fork_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()
    telemetry = Telemetry(backend.tracer)
    added(telemetry)
    # The thread has its tracer; in a real fork it would be gone.
    wait_until(backend.exporter.get_finished_spans)
    assert backend.made == 1
    monkeypatch.setattr(os, "getpid", lambda: -1)
    added(telemetry)
    wait_until(lambda: backend.made == 2)


def test_failure_ends_nothing() -> None:
    backend = Backend()
    failures = [ValueError]

    def make() -> Tracer:
        if failures:
            raise failures.pop()
        return backend.tracer()

    telemetry = Telemetry(make)
    traces: list[Trace] = []
    recorder = Recorder(ended=traces.append)
    for _ in range(2):
        Exchange().run(recorder.probe("application", answering()))
    telemetry.waiting.extend(traces)
    telemetry.flush()
    assert len(backend.exporter.get_finished_spans()) == 2
