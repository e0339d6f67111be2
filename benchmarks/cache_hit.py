"""Measure what a response from the cache costs the process that serves it.

Run it from the checkout: `python -m benchmarks.cache_hit [--redis UNIX_SOCKET]`. A 30 KB list
that varies by Accept and Accept-Encoding and belongs to two groups, like the chat's.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import redis
from werkzeug.test import create_environ

from middleware._wsgi import Headers
from middleware.cache import HTTPCacheMiddleware, MemoryStore, RedisStore, SharedGroupClock, Store

REQUESTS = 2000
ROUNDS = 15
BODY = b"x" * 30_000
HEADERS: Headers = [
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(BODY))),
    ("Cache-Control", "max-age=3600"),
    ("Vary", "Accept, Accept-Encoding"),
    ("ETag", '"one"'),
    ("Cache-Groups", '"room-1", "users"'),
]
ACCEPT = {"Accept": "application/json", "Accept-Encoding": "gzip, br"}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEADERS)
    return [BODY]


def request(method: str = "GET", **fields: str) -> WSGIEnvironment:
    environ = create_environ("/api/messages", method=method, headers=ACCEPT | fields)
    return environ | {"RAW_URI": "/api/messages"}


def microseconds(run: Callable[[], object]) -> float:
    """Return the time for one run in the best round; the others were disturbed."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(REQUESTS):
            run()
        times.append((time.perf_counter() - start) / REQUESTS * 1e6)
    print(f"(median {statistics.median(times):.2f})", end=" ")
    return min(times)


def measure(name: str, store: Store) -> None:
    """Print the time of a hit, a 304, and an unsafe request that passes."""
    cache = HTTPCacheMiddleware(app, store=store)

    def start_response(status: str, headers: Headers, exc_info: object = None, /) -> object:
        return None

    b"".join(cache(request(), start_response))  # type: ignore[arg-type]  # No write() here.
    for what, environ in (
        ("hit", request()),
        ("304", request(**{"If-None-Match": '"one"'})),
        ("POST", request("POST")),
    ):
        best = microseconds(lambda environ=environ: cache(environ, start_response))  # type: ignore[misc,arg-type]
        print(f"{name}, {what}: {best:.2f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--redis", metavar="UNIX_SOCKET", help="measure the store in Redis as well")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {ROUNDS} rounds of {REQUESTS} requests, best round")
    measure("memory", MemoryStore())
    with tempfile.TemporaryDirectory() as place:
        clock = SharedGroupClock(Path(place) / "clock")
        measure("memory, clock of the host", MemoryStore(clock=clock))
        names = ["room-1"]
        print(f"drop of a group: {microseconds(lambda: clock.drop(names)):.2f} µs")
    if options.redis:
        with redis.Redis(unix_socket_path=options.redis) as client:
            measure("Redis", RedisStore(client))


if __name__ == "__main__":
    main()
