"""Other people's middleware: sound layers have no fault, the others those that they make.

Paste, Beaker and the WSGI layers of Sentry and OpenTelemetry were tried too (docs/middleware.md).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from webob.dec import wsgify
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.test import EnvironBuilder
from whitenoise import WhiteNoise

from middleware.chain import Layer
from middleware.xray import lint, record

Make = Callable[[WSGIApplication, str], WSGIApplication]

PAGE = b"<html>" + b"hello " * 500 + b"</html>"
DATE = "Mon, 30 Nov 2026 00:40:13 GMT"
HTML = ("Content-Type", "text/html; charset=utf-8")
PATHS = ("/", "/stream", "/late", "/write", "/none", "/read", "/raise", "/broken", "/static/a.css",
         "/static/none.css", "/m/x")  # fmt: skip
FIELDS: list[list[tuple[str, str]]] = [
    [],
    [("Accept-Encoding", "gzip")],
    [("If-None-Match", '"a"')],
    [("Range", "bytes=0-3")],
]


class BoomError(Exception):
    pass


class Stream:
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.chunks)

    def close(self) -> None:
        """Have a close() that may be lost."""


def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Answer as each application may, without a fault of its own."""
    path, is_head = environ["PATH_INFO"], environ["REQUEST_METHOD"] == "HEAD"
    if path == "/raise":
        raise BoomError
    if path == "/late" and not is_head:
        return late(start)
    if path == "/none":
        start("204 No Content", [])
        return []
    if path == "/read":
        content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start("200 OK", [HTML, ("Content-Length", str(len(content)))])
        return [] if is_head else [content]
    if path in ("/stream", "/broken", "/write"):
        write = start("200 OK", [HTML])
        if is_head:
            return []
        if path == "/write":
            write(PAGE)
            return []
        return Stream(broken() if path == "/broken" else (PAGE[:9], PAGE[9:], b"!"))
    start("200 OK", [HTML, ("Content-Length", str(len(PAGE))), ("ETag", '"a"'), ("Date", DATE)])
    return [] if is_head else [PAGE]


def late(start: StartResponse) -> Iterator[bytes]:
    start("200 OK", [HTML])
    yield b""
    yield PAGE


def broken() -> Iterator[bytes]:
    yield b"a"
    raise BoomError


@wsgify.middleware  # type: ignore[untyped-decorator]
def asking(request: Any, app: WSGIApplication) -> Any:
    """Ask as WebOb's middleware does; it reads all of a body whose start is late."""
    response = request.get_response(app)
    response.headers["X-Asked"] = "1"
    return response


@wsgify.middleware  # type: ignore[untyped-decorator]
def encoding(request: Any, app: WSGIApplication) -> Any:
    """Compress as WebOb offers to, which leaves the rest to whoever calls it."""
    response = request.get_response(app)
    if response.status_int == 200 and response.body_file:
        response.encode_content("gzip", lazy=True)
    return response


# Each with the faults that it has.
OTHERS: dict[str, tuple[Make, set[str]]] = {
    "whitenoise": (lambda app, root: WhiteNoise(app, root=root, prefix="/static/"), set()),
    "ProxyFix": (lambda app, root: ProxyFix(app, x_prefix=1), set()),
    "Dispatcher": (lambda app, root: DispatcherMiddleware(app, {"/m": app}), set()),
    # It sends a file to HEAD.
    "SharedData": (
        lambda app, root: SharedDataMiddleware(app, {"/static": root}),
        {"body-on-head"},
    ),
    # It gathers the whole body, and does not close one that fails.
    "Profiler": (
        lambda app, root: ProfilerMiddleware(app, stream=io.StringIO()),
        {"chunk-held", "close-lost"},
    ),
    # A generator, so write() is late; it answers a body that fails with a second response.
    "Debugged": (
        lambda app, root: DebuggedApplication(app),
        {"write-late", "start-twice", "length-wrong"},
    ),
    "webob": (lambda app, root: asking(app), {"chunk-held"}),
    "webob gzip": (
        lambda app, root: encoding(app),
        {"vary-missing", "etag-kept", "close-lost", "chunk-held"},
    ),
}


def run(app: WSGIApplication, environ: WSGIEnvironment, chunks: int | None = None) -> None:
    """Run a request as a server does that has sent the headers with the first bytes.

    `chunks`: after how many the client leaves.
    """
    sent: list[bytes] = []

    def start(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        if exc_info and sent:
            raise exc_info[1]
        return sent.append

    body: Any = app(environ, start)
    try:
        sent.extend(chunk for chunk in islice(body, chunks) if chunk)
    finally:
        if hasattr(body, "close"):
            body.close()


@pytest.mark.parametrize("name", OTHERS)
def test_faults_are_named_where_they_are_made(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}" * 100)
    make, expected = OTHERS[name]
    layers = [
        Layer("above", lambda app: lambda *given: app(*given), ""),
        Layer("other", lambda app: make(app, str(tmp_path)), ""),
        Layer("below", lambda app: lambda *given: app(*given), ""),
    ]
    recorded = record(application, layers)
    found = set()
    for path in PATHS:
        for method in ("GET", "HEAD", "POST"):
            for fields in FIELDS:
                data = b"a" if method == "POST" else None
                builder = EnvironBuilder(path, method=method, headers=fields, data=data)
                with suppress(BoomError):
                    run(recorded, builder.get_environ())
                found |= {(fault.layer, fault.code) for fault in lint(recorded.trace)}
            for chunks in (0, 1):
                with suppress(BoomError):
                    run(recorded, EnvironBuilder(path, method=method).get_environ(), chunks)
                found |= {(fault.layer, fault.code) for fault in lint(recorded.trace)}
    assert found == {("other", code) for code in expected}
