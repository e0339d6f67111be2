"""A bare application of many ways, to see what a server does to each: `application`.

It needs nothing but the standard library, and `/refreshed` the cache, to see what a server does to
work in the background. What it notices of the server, it writes into the folder that SIGNALS names.
"""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from middleware.cache import HTTPCacheMiddleware

TEXT = ("Content-Type", "text/plain")
OWN_DATE = "Sat, 01 Jan 2000 00:00:00 GMT"


class Body:
    """A body that notes when it is closed."""

    def __init__(self, name: str, *chunks: bytes) -> None:
        self.name = name
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        (Path(os.environ["SIGNALS"]) / f"closed{self.name.replace('/', '-')}").touch()


class Endless(Body):
    """A body that does not end before its client is gone, but after a minute."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(6_000):
            yield b"x" * 4_096
            time.sleep(0.01)


FIELDS = {
    "/date": ("Date", OWN_DATE),
    "/short": ("Content-Length", "10"),
    "/long": ("Content-Length", "2"),
    "/latin": ("X-Latin", "\xe9"),
}
# What a server may offer in environ.
OFFERED = (
    "wsgi.multithread", "wsgi.multiprocess", "wsgi.file_wrapper", "wsgi.input_terminated",
    "RAW_URI", "REQUEST_URI",
)  # fmt: skip


# Stale as soon as it is stored, and refreshed in the background.
STALE = [("Cache-Control", "max-age=10, stale-while-revalidate=600"), ("Age", "11")]
# Against hanging, however slow the machine is.
SECONDS = 30


class Refreshed:
    """An application whose second call waits for the file `go`, and then makes `refreshed`."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.calls += 1
        number = self.calls
        if number > 1:
            place, deadline = Path(os.environ["SIGNALS"]), time.monotonic() + SECONDS
            while not (place / "go").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            (place / "refreshed").touch()
        start_response("200 OK", [TEXT, *STALE])
        return [str(number).encode()]


refreshed = HTTPCacheMiddleware(Refreshed())


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/refreshed":
        return refreshed(environ, start_response)
    if path == "/late":
        return late(start_response)
    if path == "/hints" and "wsgi.early_hints" in environ:
        environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
    status = "204 No Content" if path == "/204" else "200 OK"
    headers = [TEXT, FIELDS[path]] if path in FIELDS else [TEXT]
    write = start_response(status, [] if path == "/204" else headers)
    if path == "/write":
        write(b"one,")
        return [b"two"]
    return body_of(path, environ)


def late(start_response: Any) -> Iterator[bytes]:
    """Call start_response with the first chunk."""
    start_response("200 OK", [TEXT])
    yield b"late"


def body_of(path: str, environ: dict[str, Any]) -> Iterable[bytes]:
    if path == "/flags":
        return [" ".join(name for name in OFFERED if environ.get(name)).encode()]
    if path == "/endless":
        return Endless(path)
    if path in {"/stream", "/short", "/long"}:
        return Body(path, b"one,", b"two")
    return Body(path, b"hello")
