"""Say in `Server-Timing` how long each layer worked until the response began."""

from __future__ import annotations

import re
from collections.abc import Iterator

from middleware.xray.trace import Trace
from middleware.xray.visit import Visit

NOT_IN_TOKENS = re.compile(r"[^\w!#$%&'*+.^`|~-]+", re.ASCII)
MAX_METRICS = 40


def server_timing_of(trace: Trace) -> str:
    """Return the field's value, from the outermost layer inwards, in milliseconds.

    A layer's time is that from its call until it called the next, or began to answer; what it did
    to the response on the way up is not known yet.
    """
    return ", ".join(metrics_of(trace))


def metrics_of(trace: Trace) -> Iterator[str]:
    for visit in trace.visits[:MAX_METRICS]:
        name = NOT_IN_TOKENS.sub("-", visit.name).strip("-") or "layer"
        yield f"{name};dur={max(0.0, way_down_of(visit)) * 1000:.3f}"


def way_down_of(visit: Visit) -> float:
    if visit.below:
        return visit.below[0].called - visit.called
    return visit.starts[0].at - visit.called if visit.starts else 0.0
