"""What X-ray shows of the servers in front of the chain: nginx, and gunicorn's worker."""

import os
import re
import time
from contextvars import ContextVar
from typing import Any, NamedTuple
from wsgiref.types import WSGIEnvironment

from middleware.xray import Trace
from middleware.xray.probe import KEY

# nginx says when it passes the request on, and how many seconds after its first byte
# (nginx/proxy.conf).
START_FIELD = "HTTP_X_REQUEST_START"
START = re.compile(r"t=(\d{1,12}\.\d{3}); spent=(\d{1,6}\.\d{3})")


class _Arrived(NamedTuple):
    """When a request's first line was read, and its head, by X-ray's clock; and by what worker."""

    line_read_at: float
    head_read_at: float
    worker: str


_arrived: ContextVar[_Arrived | None] = ContextVar("arrived", default=None)


class GunicornPart:
    """Notes what gunicorn's hooks see; a request is answered where its hooks are called."""

    def begin(self, worker: object, request: Any) -> None:
        now = time.perf_counter()
        read_at = getattr(request, "line_read_at", now)
        _arrived.set(_Arrived(read_at, now, type(worker).__name__))

    def end(self, environ: dict[str, Any], response: Any) -> None:
        trace = environ.get(KEY)
        if not isinstance(trace, Trace):
            return
        for server in trace.outside:
            if server.kind == "gunicorn":
                sent = getattr(response, "sent", 0)
                server.set(written=f"{sent:,} bytes, after {trace.now() * 1000:.2f} ms")


def add_servers(trace: Trace, environ: WSGIEnvironment, *, trusted: bool) -> None:
    """Add what is known of the servers when the chain is called.

    *trusted*: whether our own proxy is in front, which replaces what a client sends.
    """
    arrived = _arrived.get()
    line_read = 0.0 if arrived is None else arrived.line_read_at - trace.began
    found = START.fullmatch(environ.get(START_FIELD, "")) if trusted else None
    if found:
        passed_on = float(found[1]) - trace.began_at
        spent = float(found[2])
        trace.add_outside(
            "nginx",
            passed_on - spent,
            spent,
            request_id=environ.get("HTTP_X_REQUEST_ID", ""),
            passed_on=f"{(line_read - passed_on) * 1000:.2f} ms before gunicorn had the first line",
        )
    if arrived is not None:
        head = arrived.head_read_at - arrived.line_read_at
        trace.add_outside(
            "gunicorn",
            line_read,
            -line_read,
            worker=f"{os.getpid()}, {arrived.worker}",
            head=f"read {head * 1000:.2f} ms after its first line",
        )
