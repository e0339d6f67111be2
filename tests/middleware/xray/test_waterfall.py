from __future__ import annotations

from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment
from xml.etree import ElementTree

import pytest

from middleware.chain import Layer
from middleware.request_id import RequestIDMiddleware
from middleware.xray import Trace, record, span
from middleware.xray.waterfall import WIDTH, rows_of, waterfall
from tests.middleware.serving import BrokenError, Exchange, TrackedBody, answering, serve

LAYERS = [Layer("request <id>", RequestIDMiddleware, "")]
NAMESPACE = "{http://www.w3.org/2000/svg}"


def working(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    with span("sql", "SELECT 1"):
        pass
    return answering(TrackedBody(b"one"))(environ, start_response)


def bars_of(trace: Trace) -> list[str]:
    root = ElementTree.fromstring(waterfall(trace))
    bars = root.findall(f"{NAMESPACE}rect")
    for bar in bars:
        assert 0 <= float(bar.attrib["x"]) <= float(WIDTH) + 0.1
    return [bar.attrib["class"] for bar in bars]


def test_picture_has_a_row_for_each_visit_and_span() -> None:
    recorded = record(working, LAYERS)
    serve(recorded)
    assert bars_of(recorded.trace) == ["line", "layer", "line", "layer", "line", "span"]


def test_rows_are_in_the_order_of_time() -> None:
    recorded = record(working, LAYERS)
    serve(recorded)
    for _, _, _, begin, middle, end in rows_of(recorded.trace):
        assert 0 <= begin <= middle <= end


def test_failed_request_has_a_picture() -> None:
    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise BrokenError

    recorded = record(broken)
    with pytest.raises(BrokenError):
        serve(recorded)
    assert bars_of(recorded.trace) == ["line", "layer"]


def test_running_work_has_a_picture() -> None:
    pictures = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        with span("sql"):
            pictures.append(bars_of(recorded.trace))
        yield b""

    recorded = record(app)
    exchange = Exchange().call(recorded)
    next(iter(exchange.body))
    assert pictures == [["line", "layer", "line", "span"]]


def test_work_within_work_is_indented_and_long_names_are_cut() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with span("action", "messages.post"), span("sql", "SELECT " + "x" * 50):
            return answering()(environ, start_response)

    recorded = record(app)
    serve(recorded)
    root = ElementTree.fromstring(waterfall(recorded.trace))
    names = [(text.attrib["x"], text.text) for text in root.findall(f"{NAMESPACE}text")][1:3]
    assert names == [("10", "action messages.post"), ("20", "sql SELECT xxxxxxxxxxxxxxx…")]
