from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from middleware.chain import Layer
from middleware.request_id import RequestIDMiddleware
from middleware.xray import lint, record, span
from middleware.xray.export import as_har, as_json, summary_of
from middleware.xray.spans import Span, outside
from tests.middleware.serving import BrokenError, Exchange, TrackedBody, answering, serve

LAYERS = [Layer("request id", RequestIDMiddleware, "")]


def working(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    with span("sql", "SELECT 1") as work:
        work.set(rows=3)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9")])
    return TrackedBody(b"hello")


def test_trace_is_json() -> None:
    recorded = record(working, LAYERS)
    serve(recorded, "/a", query_string="b=1&token=sesame")
    trace = recorded.trace
    trace.set(route="/a")
    trace.show_outside(lambda trace: [outside("nginx", -0.25, 0.125)])
    later = [Span("job", "render", "", 1.5)]
    found = json.loads(json.dumps(as_json(trace, lint(trace), later)))
    assert [(server["kind"], server["began"]) for server in found["outside"]] == [("nginx", -0.25)]
    assert found["facts"] == {"route": "/a"}
    assert [(span["detail"], span["began"]) for span in found["later"]] == [("render", 1.5)]
    assert (found["method"], found["path"], found["query"]) == ("GET", "/a", "b=1&token=[hidden]")
    outer, inner = found["visits"]
    assert (outer["called_by"], inner["called_by"]) == (None, 0)
    assert [change["name"] for change in outer["headers"]] == ["X-Request-ID"]
    assert inner["starts"][0]["headers"] == [
        ["Content-Type", "text/plain"],
        ["Content-Length", "9"],
    ]
    assert inner["closed_by"] == ["request id"]
    assert found["spans"][0]["facts"] == {"rows": "3"}
    assert found["faults"][0]["code"] == "length-wrong"
    assert found["answered_by"] == "working"


def test_error_is_json() -> None:
    recorded = record(answering(TrackedBody(error=BrokenError("it broke"))))
    with pytest.raises(BrokenError):
        serve(recorded)
    (visit,) = as_json(recorded.trace)["visits"]
    assert visit["raised"] == [{"error": "BrokenError", "text": "it broke", "in": "iteration"}]


def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    yield b""


def test_running_request_has_a_summary() -> None:
    recorded = record(silent)
    Exchange().call(recorded)
    summary = summary_of(recorded.trace)
    assert (summary["status"], summary["seconds"], summary["answered_by"]) == ("", None, None)


def test_archive_has_what_har_asks_for() -> None:
    recorded = record(working, LAYERS)
    serve(recorded, "/a", method="POST", query_string="b=1", data=b"12345", headers={"X-A": "1"})
    (entry,) = json.loads(json.dumps(as_har([recorded.trace])))["log"]["entries"]
    request, response = entry["request"], entry["response"]
    assert (request["url"], request["bodySize"]) == ("http://localhost/a?b=1", 5)
    assert request["queryString"] == [{"name": "b", "value": "1"}]
    assert {"name": "X-A", "value": "1"} in request["headers"]
    assert (response["status"], response["statusText"]) == (200, "OK")
    assert response["content"] == {"size": 5, "mimeType": "text/plain"}
    timings = entry["timings"]
    assert timings["wait"] + timings["receive"] == pytest.approx(entry["time"])


def test_archive_has_unanswered_requests() -> None:
    recorded = record(silent)
    Exchange().call(recorded)
    (entry,) = as_har([recorded.trace])["log"]["entries"]
    assert entry["response"]["status"] == 0
    assert entry["time"] == 0
