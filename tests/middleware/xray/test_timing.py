from __future__ import annotations

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.chain import Layer
from middleware.request_id import RequestIDMiddleware
from middleware.xray import record
from middleware.xray.timing import MAX_METRICS, server_timing_of
from tests.middleware.serving import Exchange, answering, serve


def test_each_layer_has_a_metric() -> None:
    layers = [Layer("request id", RequestIDMiddleware, ""), Layer("☃", RequestIDMiddleware, "")]
    recorded = record(answering(), layers)
    serve(recorded)
    metrics = server_timing_of(recorded.trace)
    assert re.fullmatch(
        r"request-id;dur=\d+\.\d{3}, layer;dur=\d+\.\d{3}, application;dur=\d+\.\d{3}", metrics
    )


def test_layer_that_has_not_answered_has_no_time() -> None:
    def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return []

    recorded = record(silent)
    Exchange().call(recorded)
    assert server_timing_of(recorded.trace) == "silent;dur=0.000"


def test_number_of_metrics_is_bounded() -> None:
    layers = [Layer(f"layer {n}", RequestIDMiddleware, "") for n in range(MAX_METRICS)]
    recorded = record(answering(), layers)
    serve(recorded)
    assert server_timing_of(recorded.trace).count(";dur=") == MAX_METRICS
