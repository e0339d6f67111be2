"""Send what was recorded to an OpenTelemetry backend. Needs `opentelemetry-api`.

A thread makes spans of what has ended, so requests do not wait for it; under gevent it is a
greenlet.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from opentelemetry.context import Context
from opentelemetry.trace import Span as Sent
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from middleware.xray.spans import Span
from middleware.xray.trace import Trace
from middleware.xray.visit import Visit

# Names in environ of the fields of W3C Trace Context.
FIELDS = {"HTTP_TRACEPARENT": "traceparent", "HTTP_TRACESTATE": "tracestate"}
# What waits for the thread; beyond that, the oldest are lost.
MAX_WAITING = 1000
# A server adds to a trace when it has sent the response.
PAUSE_SECONDS = 0.05

Attributes = dict[str, str | int | float]


class Telemetry:
    """Makes an OpenTelemetry trace of each recorded request.

    A request with a valid `traceparent` continues that trace, and whoever sent it decides whether
    it is sampled, as far as the provider's sampler lets them (W3C Trace Context). The request is a
    span, each call of a layer one in it, and each piece of work one in its layer.

    `make()`: returns the tracer; called once in each process, so after a fork.

    Pass `add` to `Recorder(ended=...)`.
    """

    def __init__(self, make: Callable[[], Tracer]) -> None:
        self.make = make
        self.waiting: deque[Trace] = deque(maxlen=MAX_WAITING)
        self.process = 0
        self.has_more = threading.Event()
        self.tracer: Tracer | None = None

    def add(self, trace: Trace) -> None:
        """Have a trace whose request is over sent. It does not fail, nor wait."""
        if self.process != os.getpid():
            self.begin()
        self.waiting.append(trace)
        self.has_more.set()

    def begin(self) -> None:
        """Begin in this process, which may be a fork of one that has begun."""
        self.process = os.getpid()
        self.waiting.clear()
        self.tracer = None
        self.has_more = threading.Event()
        threading.Thread(target=self.run, daemon=True, name="xray telemetry").start()

    def run(self) -> None:
        """Send whenever something has ended, again and again."""
        while True:
            self.has_more.wait()
            time.sleep(PAUSE_SECONDS)
            self.has_more.clear()
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        while self.waiting:
            trace = self.waiting.popleft()
            # What cannot be sent must not end the thread.
            with suppress(Exception):
                if self.tracer is None:
                    self.tracer = self.make()
                send(trace, self.tracer)


def send(trace: Trace, tracer: Tracer) -> None:
    """Make the spans of a request whose trace is whole."""
    carrier = {
        field: trace.environ[name] for name, field in FIELDS.items() if name in trace.environ
    }
    above = TraceContextTextMapPropagator().extract(carrier, Context())
    outside = trace.outside
    began = min([0.0, *[server.began for server in outside]])
    root = tracer.start_span(
        name_of(trace), above, SpanKind.SERVER, about(trace), start_time=moment(trace, began)
    )
    trace.set(trace_id=f"{root.get_span_context().trace_id:032x}")
    whole = set_span_in_context(root, Context())
    for server in outside:
        send_work(server, trace, tracer, whole)
    contexts: dict[int, Context] = {}
    layers: dict[str, Context] = {}
    for visit in trace.visits:
        parent = whole if visit.parent is None else contexts[id(visit.parent)]
        layers[visit.name] = contexts[id(visit)] = send_visit(visit, trace, tracer, parent)
    for work in trace.spans:
        send_work(work, trace, tracer, layers.get(work.layer, whole))
    if trace.status[:1] in {"", "5"}:
        root.set_status(Status(StatusCode.ERROR))
    root.end(moment(trace, trace.seconds or 0.0))


def send_visit(visit: Visit, trace: Trace, tracer: Tracer, above: Context) -> Context:
    """Make the span of a call of a layer, and return the context of what is in it."""
    attributes: Attributes = {"xray.own_ms": round(sum(visit.own_seconds) * 1000, 3)}
    if visit.status:
        attributes["xray.status"] = visit.status
    span = tracer.start_span(
        visit.name, above, attributes=attributes, start_time=moment(trace, visit.called)
    )
    end = max(visit.called + visit.times[0], visit.last_byte or 0.0)
    for error in visit.raised:
        about_error = {"exception.type": error.name, "exception.message": error.text}
        span.add_event("exception", about_error, moment(trace, end))
        span.set_status(Status(StatusCode.ERROR, error.name))
    span.end(moment(trace, end))
    return set_span_in_context(span, Context())


def send_work(work: Span, trace: Trace, tracer: Tracer, above: Context) -> None:
    """Make the span of a piece of work."""
    attributes: Attributes = {f"xray.{name}": value for name, value in work.facts.items()}
    if work.kind == "sql":
        attributes["db.query.text"] = work.detail
    name = " ".join([work.kind, *work.detail.split()[:1]])
    kind = SpanKind.CLIENT if work.kind in {"sql", "redis"} else SpanKind.INTERNAL
    span: Sent = tracer.start_span(
        name, above, kind, attributes, start_time=moment(trace, work.began)
    )
    if work.error:
        span.set_status(Status(StatusCode.ERROR, work.error))
    span.end(moment(trace, work.began + (work.seconds or 0.0)))


def name_of(trace: Trace) -> str:
    """Name a request by its method and its route: paths would be too many names."""
    return " ".join([trace.method, *([trace.facts["route"]] if "route" in trace.facts else [])])


def about(trace: Trace) -> Attributes:
    """Describe a request by OpenTelemetry's semantic conventions for HTTP."""
    environ = trace.environ
    found: Attributes = {
        "http.request.method": trace.method,
        "url.path": trace.path,
        "url.query": trace.query,
        "url.scheme": environ.get("wsgi.url_scheme", ""),
        "http.route": trace.facts.get("route", ""),
        "server.address": environ.get("SERVER_NAME", ""),
        "client.address": environ.get("REMOTE_ADDR", ""),
        "user_agent.original": environ.get("HTTP_USER_AGENT", ""),
        "xray.id": trace.id,
    }
    if trace.status[:3].isdecimal():
        found["http.response.status_code"] = int(trace.status[:3])
    return {name: value for name, value in found.items() if value}


def moment(trace: Trace, seconds: float) -> int:
    """Return a moment of the request in nanoseconds since 1970."""
    return int((trace.began_at + seconds) * 1e9)
