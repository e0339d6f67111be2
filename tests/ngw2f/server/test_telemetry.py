"""Requests as OpenTelemetry traces, taken by a collector of the test's own."""

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from middleware.xray import Access
from ngw2f.server.service import Service
from ngw2f.server.telemetry import is_sampled
from ngw2f.settings import SettingError
from tests.client import Client
from tests.waiting import wait_until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Collector(HTTPServer):
    """Takes traces by OTLP over HTTP, and keeps the spans by their trace's id."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: dict[str, dict[str, str]] = {}
        self.services: set[str] = set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def take(self, content: bytes) -> None:
        for found in ExportTraceServiceRequest.FromString(content).resource_spans:
            for attribute in found.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in found.scope_spans:
                for span in scope.spans:
                    names = self.spans.setdefault(span.trace_id.hex(), {})
                    names[span.name] = span.parent_span_id.hex()


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        assert self.headers["Content-Type"] == "application/x-protobuf"
        self.server.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_message: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sampled_request_reaches_the_collector(
    build: Callable[..., Service], collector: Collector
) -> None:
    client = Client(build(otlp_endpoint=collector.endpoint, otlp_sampled=True))
    client.get("/api/messages")
    answer = client.get("/api/rooms/1", headers=SAMPLED)
    # Nobody else may see what is recorded.
    assert "Server-Timing" not in answer.headers
    client.get("/__xray__/", headers=SAMPLED, status=404)
    wait_until(lambda: "action sessions.find_reader" in str(collector.spans.get(TRACE)))
    wait_until(lambda: "GET /api/rooms/<id:room_id>" in collector.spans[TRACE])
    spans = collector.spans[TRACE]
    assert spans["GET /api/rooms/<id:room_id>"] == PARENT
    assert {"trusted proxy", "cache", "chat", "sql SELECT"} <= set(spans)
    assert set(collector.spans) == {TRACE}
    assert collector.services == {"ngw2f"}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_strangers_have_nothing_recorded(
    build: Callable[..., Service], collector: Collector
) -> None:
    key = "0123456789abcdef"
    client = Client(build(otlp_endpoint=collector.endpoint, xray_key=key))
    client.get("/api/messages", headers=SAMPLED)
    # What the operator asks for comes after it, and the collector takes them in order.
    signed = Access(key=key.encode()).sign()
    client.get("/api/rooms/1", headers={"X-Ray": signed})
    wait_until(lambda: "GET /api/rooms/<id:room_id>" in str(collector.spans))
    assert TRACE not in collector.spans


@pytest.mark.parametrize("backend", ["sqlite"])
def test_with_xray_every_request_does(build: Callable[..., Service], collector: Collector) -> None:
    client = Client(build(otlp_endpoint=collector.endpoint, xray=True))
    client.get("/healthz")
    wait_until(lambda: "pre-routing" in str(collector.spans))


def test_without_the_extra_it_says_what_is_missing(
    build: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "middleware.xray.telemetry", None)
    with pytest.raises(SettingError, match=r"pip install 'ngw2f\[otlp\]'"):
        build(otlp_endpoint="http://127.0.0.1:1/v1/traces")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"01-{TRACE}-{PARENT}-03-more", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        ("", False),
    ],
)
def test_field_says_whether_it_is_sampled(field: str, expected: bool) -> None:
    assert is_sampled({"HTTP_TRACEPARENT": field}) is expected
