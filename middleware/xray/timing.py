"""Say in `Server-Timing` how long each layer worked until the response began."""

from __future__ import annotations

import re
from functools import lru_cache

from middleware.xray.trace import Trace

NOT_IN_TOKENS = re.compile(r"[^\w!#$%&'*+.^`|~-]+", re.ASCII)
MAX_METRICS = 40


def server_timing_of(trace: Trace) -> str:
    """Return the field's value, from the outermost layer inwards, in milliseconds.

    A layer's time is that from its call until it called the next, or began to answer; what it did
    to the response on the way up is not known yet.
    """
    visits = trace.visits[:MAX_METRICS]
    form = form_of(tuple([visit.name for visit in visits]))
    return form % tuple(
        [
            (visit.below[0].called - visit.called) * 1000
            if visit.below
            else (visit.starts[0].at - visit.called) * 1000
            if visit.starts
            else 0.0
            for visit in visits
        ]
    )


@lru_cache(100)
def form_of(names: tuple[str, ...]) -> str:
    """Return the field's value with a place for each time: requests take few ways."""
    return ", ".join([f"{token_of(name)};dur=%.3f" for name in names])


def token_of(name: str) -> str:
    """Return a layer's name as the field may have it."""
    return NOT_IN_TOKENS.sub("-", name).strip("-").replace("%", "%%") or "layer"
