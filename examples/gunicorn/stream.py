"""An answer that takes half a second: ten lines."""

import time
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return lines() if environ["PATH_INFO"] == "/stream" else [b"quick\n"]


def lines() -> Iterator[bytes]:
    for number in range(10):
        yield b"%d\n" % number
        time.sleep(0.05)
