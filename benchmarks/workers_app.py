"""What benchmarks/workers.py asks of each worker class: a response, a stored one, a stream."""

import time
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.cache import HTTPCacheMiddleware

# As long as a measurement may take.
STREAM_SECONDS = 60
PAGE = b"x" * 4_096


def bare(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "no-store")])
        return stream()
    headers = [("Content-Length", str(len(PAGE))), ("Cache-Control", "max-age=3600")]
    start_response("200 OK", headers)
    return [PAGE]


def stream() -> Iterator[bytes]:
    end = time.monotonic() + STREAM_SECONDS
    while time.monotonic() < end:
        yield b"event\n"
        time.sleep(1)


cached = HTTPCacheMiddleware(bare)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    app = cached if environ["PATH_INFO"] == "/hit" else bare
    return app(environ, start_response)
