"""What the tests of the cache stand around it: a scripted application, a clock, a client."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.test import create_environ

from middleware._wsgi import Headers
from middleware.cache import CachePolicy, HTTPCacheMiddleware, MemoryStore
from middleware.cache.dates import format_date
from middleware.cache.entry import Body, Entry
from middleware.cache.stores.memory import MemoryBody
from tests.middleware.serving import BrokenError, Exchange

# Sat, 21 Nov 2026 10:00:00 GMT.
NOON = 1_795_255_200.0
TEXT = ("Content-Type", "text/plain")
# The header fields of a response that is fresh for a minute, and stands in for errors another one.
LASTING: Headers = [("Cache-Control", "max-age=60, stale-if-error=60"), ("ETag", '"a"')]


class FakeClock:
    """Time that stands still until a test moves it."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class Origin:
    """An application that answers as it is told, and keeps the requests that it saw.

    `fields` are the response's header fields, by name with `_` for `-`.
    """

    def __init__(self, body: Any = b"hello", status: str = "200 OK", **fields: str) -> None:
        self.body = body
        self.status = status
        self.fields = fields
        self.seen: list[WSGIEnvironment] = []
        self.error: Exception | None = None
        self.before: Callable[[], None] = lambda: None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.seen.append(dict(environ))
        self.before()
        if self.error is not None:
            raise self.error
        etag = self.fields.get("etag")
        if etag is not None and environ.get("HTTP_IF_NONE_MATCH") == etag:
            start_response("304 Not Modified", self.headers())
            return []
        start_response(self.status, [TEXT, *self.headers()])
        return [self.body] if isinstance(self.body, bytes) else self.body

    def headers(self) -> list[tuple[str, str]]:
        return [(name.replace("_", "-"), value) for name, value in self.fields.items()]

    @property
    def calls(self) -> int:
        return len(self.seen)


def fresh(body: Any = b"hello", **fields: str) -> Origin:
    """Make an application whose answer is fresh for a minute."""
    return Origin(body, cache_control="max-age=60", **fields)


class Client:
    """Asks a cache around an application, and keeps its parts at hand."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.clock = FakeClock()
        self.work: list[Callable[[], None]] = []
        store = options.pop("store", None)
        self.store = MemoryStore() if store is None else store  # An empty one is false.
        policy = CachePolicy(**options.pop("policy", {}))
        settings: dict[str, Any] = {
            "clock": self.clock,
            "spawn": self.work.append,
            "store": self.store,
        }
        # Requests that wait for others do so by the real clock, and for long on a busy machine.
        settings["collapse_seconds"] = 60
        self.app = app  # A test may put another one in its place.
        self.cache = HTTPCacheMiddleware(
            lambda *args: self.app(*args), policy=policy, **(settings | options)
        )

    def ask(self, path: str = "/", method: str = "GET", **fields: str) -> Exchange:
        """Make one request; `fields` are its header fields, by name with `_` for `-`."""
        return Exchange(request(path, method, **fields)).run(self.cache)

    def do_background_work(self) -> None:
        while self.work:
            self.work.pop(0)()


def request(path: str = "/", method: str = "GET", **fields: str) -> WSGIEnvironment:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return create_environ(path, method=method, headers=headers)


def entry(
    *headers: tuple[str, str],
    body: bytes = b"hello",
    key: str = "http://localhost/",
    status: str = "200 OK",
    policy: CachePolicy | None = None,
    body_object: Body | None = None,
    **more: Any,
) -> Entry:
    """Make a stored response that came at NOON."""
    parts: dict[str, Any] = {
        "request_time": NOON,
        "response_time": NOON,
        "started": 1,
        "selecting": (),
    }
    return Entry(
        key=key,
        status=status,
        headers=[("Date", format_date(NOON)), *headers],
        body=body_object or MemoryBody((body,)),
        policy=policy or CachePolicy(),
        **(parts | more),
    )


def status_of(exchange: Exchange) -> str:
    return exchange.header("Cache-Status") or ""


def after_a_good_answer(app: Any, **fields: str) -> Client:
    """Store an answer, let it go stale, and put another application behind the cache."""
    client = Client(Origin(cache_control="max-age=60, stale-if-error=60", etag='"a"', **fields))
    client.ask()
    client.clock.pass_by(61)
    client.app = app
    return client


def fail_with(start_response: Any, status: str = "500 Error") -> Any:
    try:
        raise BrokenError
    except BrokenError:
        return start_response(status, [], sys.exc_info())
