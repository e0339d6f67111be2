"""Measure what each layer of the chain costs a simple GET.

Run it from the checkout: `python -m benchmarks.chain`. Each line is the chain up to that layer
minus the chain up to the one before, so a layer is measured as it runs: with the others around it.
Environ is made anew for each request, outside of the clock; the clock is the thread's own processor
time, system calls included, which other programs disturb less than the time of day.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import platform
import statistics
import time
from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import limits
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import create_environ

from middleware._wsgi import Middleware
from middleware.access_log import AccessLogMiddleware
from middleware.chain import Layer, chain
from middleware.cors import CORSMiddleware
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.prerouting import (
    Health,
    Maintenance,
    MethodOverride,
    Mount,
    PreRoutingMiddleware,
    Redirect,
    Rule,
    Versions,
)
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware
from ngw2f.observe.logs import GatheringHandler

BATCH = 500
LIMIT_MICROSECONDS = 60

FRIEND = "https://app.example"
# As nginx passes on a browser's request, and as a client without a proxy sends it.
PROXIED = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "chat.example",
    "X-Request-ID": "0123456789abcdef0123456789abcdef",
    "Accept": "application/json",
    "Cookie": "session=abcdefghijklmnop",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "benchmark",
}
DIRECT = {name: PROXIED[name] for name in ("Accept", "Cookie", "User-Agent")}


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the headers of a small JSON response."""
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", "2"),
        ("Cache-Control", "max-age=1"),
        ("ETag", '"0123456789abcdef"'),
    ]
    start_response("200 OK", headers)
    return [b"{}"]


def access_log(output: str) -> Middleware:
    """Make the layer: collecting as in the chat, writing each record, dropping it, or off."""
    logger = logging.Logger("access", logging.INFO if output != "off" else logging.WARNING)
    handler = logging.NullHandler() if output != "file" else logging.FileHandler("/dev/null")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    if output != "chat":
        return partial(AccessLogMiddleware, logger=logger)
    gathering = GatheringHandler()
    gathering.start_gathering()
    return partial(AccessLogMiddleware, logger=logger, write=gathering.request)


def layers(output: str) -> list[Layer]:
    """List the layers of a chat."""
    minute = limits.parse("5/minute")
    rules = [
        RateRule("sign-in", minute, ["POST"], "/api/tokens", without_storage="closed"),
        RateRule("register", minute, ["POST"], "/api/users", without_storage="closed"),
        RateRule("post", minute, ["POST"], "/api/rooms/*/messages"),
    ]
    limiter = FixedWindowRateLimiter(MemoryStorage())
    routes: list[Rule] = [
        Health("/alive"),
        Maintenance(lambda: False),
        MethodOverride(),
        Mount("/docs", hello),
        Redirect("/old", "/new"),
        Versions(["v1", "v2"]),
    ]
    return [
        Layer("trusted proxy", lambda app: ProxyFix(app, x_host=1), ""),
        Layer("request id", lambda app: RequestIDMiddleware(app, trusted=True), ""),
        Layer("access log", access_log(output), ""),
        Layer("security headers", SecurityHeadersMiddleware, ""),
        Layer("other origins", lambda app: CORSMiddleware(app, trusted_origins=[FRIEND]), ""),
        Layer("error boundary", ErrorBoundaryMiddleware, ""),
        Layer("pre-routing", lambda app: PreRoutingMiddleware(app, routes), ""),
        Layer("cross-origin guard", CrossOriginGuardMiddleware, ""),
        Layer(
            "rate limit (no match)",
            lambda app: RateLimitMiddleware(app, limiter, rules, storage_errors=()),
            "",
        ),
    ]


def serve(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Do what a server does, and no more."""

    def start_response(status: str, headers: object, exc_info: object = None, /) -> object:
        return None

    body = app(environ, start_response)  # type: ignore[arg-type] # Nobody writes here.
    for _ in body:
        pass
    close = getattr(body, "close", None)
    if close is not None:
        close()


def microseconds(app: WSGIApplication, template: WSGIEnvironment) -> float:
    """Time one batch; return the microseconds for one request."""
    environs = [dict(template) for _ in range(BATCH)]
    begin = time.thread_time()
    for environ in environs:
        serve(app, environ)
    return (time.thread_time() - begin) / BATCH * 1e6


def measure(headers: dict[str, str], output: str, rounds: int) -> None:
    """Print the table for one kind of request."""
    template = create_environ("/api/messages", headers=headers)
    template["REMOTE_ADDR"] = "127.0.0.1"
    stack = layers(output)
    # From the inside out, as a chain is built.
    apps = [chain(stack[place:], hello) for place in range(len(stack), -1, -1)]
    names = ["(application)", *(layer.name for layer in reversed(stack))]
    samples: list[list[float]] = [[] for _ in apps]
    gc.disable()
    for _ in range(rounds):
        # In turn, so that a slow moment of the machine affects all alike.
        for app, times in zip(apps, samples, strict=True):
            times.append(microseconds(app, template))
        gc.collect()
    gc.enable()
    differences = [samples[0]] + [
        [after - before for before, after in zip(inner, outer, strict=True)]
        for inner, outer in pairwise(samples)
    ]
    for name, times in zip(reversed(names), reversed(differences), strict=True):
        print(f"{name:24}{row(times)}")
    total = [after - before for before, after in zip(samples[0], samples[-1], strict=True)]
    print(f"{'chain, all layers':24}{row(total)}   limit {LIMIT_MICROSECONDS}")


def row(times: list[float]) -> str:
    """Show the median and the middle half of the samples."""
    quarter, half, three_quarters = statistics.quantiles(times, n=4)
    return f"{half:8.2f}{quarter:10.2f} - {three_quarters:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41, help=f"of {BATCH} requests each")
    parser.add_argument("--log", choices=["chat", "file", "drop", "off"], default="chat")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, access log: {options.log}")
    for title, headers in (("behind nginx", PROXIED), ("direct", DIRECT)):
        print(f"\n{'microseconds, ' + title:24}{'median':>8}{'middle half':>16}")
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            measure(headers, options.log, options.rounds)


if __name__ == "__main__":
    main()
