"""All the middleware around an application of many ways, for servers to serve: `application`.

The path says the way. `/streamed/NAME` sends its second chunk when the file NAME is there, below
the directory that SIGNALS names; each body that is closed is noted in its file `closed`.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from middleware._wsgi import Headers
from middleware.access_log import AccessLogMiddleware
from middleware.answer import Answer
from middleware.cache import HTTPCacheMiddleware
from middleware.cache.parts import BACKGROUND_KEY
from middleware.chain import Layer, chain
from middleware.cors import CORSMiddleware
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.forwarded import ForwardedMiddleware
from middleware.headers import HeadersMiddleware, set_header
from middleware.prerouting import Health, MethodOverride, PreRoutingMiddleware, Redirect
from middleware.prerouting.routing import Rule
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.rewriting import InsertBefore, RewritingMiddleware
from middleware.security import SecurityHeadersMiddleware
from middleware.server_timing import ServerTimingMiddleware
from middleware.static_files import StaticFilesMiddleware

SIGNALS = Path(os.environ["SIGNALS"])
WAIT_SECONDS = 60
# With the Age of the response: stale as soon as it is stored.
STALE = "max-age=10, stale-while-revalidate=600"
PLAIN = [("Content-Type", "text/plain")]


class Body:
    """A body that fails where it is told to, and notes that it was closed."""

    def __init__(self, path: str, *chunks: bytes | None) -> None:
        self.path = path
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if chunk is None:
                raise RuntimeError("on purpose")
            yield chunk

    def close(self) -> None:
        with (SIGNALS / "closed").open("a") as closed:
            closed.write(f"{self.path}\n")


def streamed(path: str) -> Iterator[bytes]:
    yield b"first,"
    wait_for(path.rpartition("/")[2])
    yield b"second"


def wait_for(name: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (SIGNALS / name).exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path: str = environ["PATH_INFO"]
    write: Callable[[bytes], object] | None = None
    if path != "/fails":
        status, headers = ANSWERS.get(path, ("200 OK", PLAIN))
        write = start_response(status, list(headers))
    if write is not None and path == "/replaced":
        try:
            raise RuntimeError("on purpose")
        except RuntimeError:
            start_response("503 Later", list(PLAIN), sys.exc_info())
        return [b"later"]
    if write is not None and path.startswith("/written"):
        write(b"one,")
    if path in {"/fails", "/started-fails", "/written-fails"}:
        raise RuntimeError("on purpose")
    if path.startswith("/streamed/"):
        return streamed(path)
    if path == "/stale" and environ.get(BACKGROUND_KEY):
        wait_for("refresh")
        (SIGNALS / "refreshed").touch()
    if path == "/echo":
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]
    if environ["REQUEST_METHOD"] == "HEAD" or path in {"/204", "/304"}:
        return Body(path)
    return BODIES.get(path, lambda: [b"hello"])()


ANSWERS: dict[str, tuple[str, Headers]] = {
    "/204": ("204 No Content", [("X-Kept", "yes")]),
    "/304": ("304 Not Modified", [("ETag", '"1"'), ("Vary", "Accept")]),
    "/length": ("200 OK", [*PLAIN, ("Content-Length", "7")]),
    "/cookies": ("200 OK", [*PLAIN, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
    "/kept": ("200 OK", [*PLAIN, ("Cache-Control", "max-age=60"), ("ETag", '"k"')]),
    "/stale": ("200 OK", [*PLAIN, ("Cache-Control", STALE), ("Age", "11")]),
    "/html": ("200 OK", [("Content-Type", "text/html")]),
    "/latin": ("200 OK", [*PLAIN, ("X-Latin", "\xe9")]),
}
BODIES: dict[str, Callable[[], Iterable[bytes]]] = {
    "/length": lambda: Body("/length", b"one,", b"two"),
    "/chunks": lambda: Body("/chunks", b"one,", b"", b"two"),
    "/written": lambda: [b"two"],
    "/breaks-first": lambda: Body("/breaks-first", None),
    "/breaks-empty": lambda: Body("/breaks-empty", b"", None),
    "/breaks-later": lambda: Body("/breaks-later", b"one,", None),
    "/html": lambda: iter([b"<body>page</bo", b"dy>"]),
    "/nothing": list,
}


def make(environ: WSGIEnvironment, status: str, headers: Headers) -> InsertBefore:
    return InsertBefore(b"</body>", b"!")


limiter = FixedWindowRateLimiter(MemoryStorage())
rules = [RateRule("limited", parse("2/hour"), ["GET"], "/limited")]
decisions: list[Rule] = [
    Health("/healthz"),
    MethodOverride(),
    Redirect("/old", "/new"),
]
quiet = logging.Logger("quiet", logging.INFO)
quiet.addHandler(logging.NullHandler())

application = chain(
    [
        Layer("forwarded", ForwardedMiddleware, ""),
        Layer("request id", RequestIDMiddleware, ""),
        Layer("access log", lambda app: AccessLogMiddleware(app, logger=quiet), ""),
        Layer("security", SecurityHeadersMiddleware, ""),
        Layer(
            "cors",
            lambda app: CORSMiddleware(app, trusted_origins=["https://friend.example"]),
            "",
        ),
        Layer(
            "errors",
            lambda app: ErrorBoundaryMiddleware(
                app, page=lambda environ: Answer("500 Oh No", "the page"), logger=quiet
            ),
            "",
        ),
        Layer("timing", ServerTimingMiddleware, ""),
        Layer("pre-routing", lambda app: PreRoutingMiddleware(app, decisions), ""),
        Layer(
            "headers", lambda app: HeadersMiddleware(app, response=[set_header("X-Set", "yes")]), ""
        ),
        Layer("guard", CrossOriginGuardMiddleware, ""),
        Layer(
            "limit",
            lambda app: RateLimitMiddleware(app, limiter, rules, storage_errors=OSError),
            "",
        ),
        Layer(
            "files",
            lambda app: StaticFilesMiddleware(app, Path(__file__).parent, prefix="/static"),
            "",
        ),
        Layer("cache", HTTPCacheMiddleware, ""),
        Layer("rewriting", lambda app: RewritingMiddleware(app, make), ""),
    ],
    app,
)
