"""What X-ray shows of the servers in front of the chain: nginx, and gunicorn's worker."""

import os
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any
from wsgiref.types import WSGIEnvironment

from middleware.xray import Trace, outside
from middleware.xray.spans import Span

# nginx says when it passes the request on, and how many seconds after its first byte
# (nginx/proxy.conf).
START_FIELD = "HTTP_X_REQUEST_START"
START = re.compile(r"t=(\d{1,12}\.\d{3}); spent=(\d{1,6}\.\d{3})")


class Arrived:
    """A request of gunicorn's, with when it was read, and written, by X-ray's clock."""

    __slots__ = ("request", "sent", "sent_at", "worker")

    def __init__(self, worker: object, request: Any) -> None:
        self.worker = type(worker).__name__
        self.request: Any = request
        self.sent_at: float | None = None
        self.sent = 0


_arrived: ContextVar[Arrived | None] = ContextVar("arrived", default=None)


class GunicornPart:
    """Notes what gunicorn's hooks see; a request is answered where its hooks are called."""

    def begin(self, worker: object, request: Any) -> None:
        _arrived.set(Arrived(worker, request))

    def end(self, response: Any) -> None:
        arrived = _arrived.get()
        if arrived is not None:
            # Its connection may stay for hours.
            arrived.request = None
            arrived.sent_at = time.perf_counter()
            arrived.sent = getattr(response, "sent", 0)


def add_servers(trace: Trace, environ: WSGIEnvironment, *, trusted: bool) -> None:
    """Have the trace show what is known of the servers.

    *trusted*: whether our own proxy is in front, which replaces what a client sends.
    """
    names = (START_FIELD, "HTTP_X_REQUEST_ID")
    nginx = [environ.get(name, "") for name in names] if trusted else None
    arrived = _arrived.get()
    if arrived is None and nginx is None:
        return
    times = (0.0, 0.0)
    if arrived is not None:
        request = arrived.request
        # gunicorn's request holds its connection.
        arrived.request = None
        times = request.line_read_at, request.began_at
    trace.show_outside(partial(servers_of, nginx, arrived, times))


def servers_of(
    nginx: list[str] | None,
    arrived: Arrived | None,
    times: tuple[float, float],
    trace: Trace,
) -> Iterator[Span]:
    """Return what nginx said, and what gunicorn's worker did; `times`: of the line, of the head."""
    line_read = 0.0 if arrived is None else times[0] - trace.began
    found = START.fullmatch(nginx[0]) if nginx else None
    if nginx and found:
        passed_on = float(found[1]) - trace.began_at
        spent = float(found[2])
        yield outside(
            "nginx",
            passed_on - spent,
            spent,
            request_id=nginx[1],
            passed_on=f"{(line_read - passed_on) * 1000:.2f} ms before gunicorn had the first line",
        )
    if arrived is not None:
        work = outside(
            "gunicorn",
            line_read,
            -line_read,
            worker=f"{os.getpid()}, {arrived.worker}",
            head=f"read {(times[1] - times[0]) * 1000:.2f} ms after its first line",
        )
        if arrived.sent_at is not None:
            after = (arrived.sent_at - trace.began) * 1000
            work.set(written=f"{arrived.sent:,} bytes, after {after:.2f} ms")
        yield work
