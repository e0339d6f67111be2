"""Cache answers for a minute: gunicorn caching:by_hand, then gunicorn caching:application."""

import time
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware.cache import HTTPCacheMiddleware

KEPT_SECONDS = 60.0
HEADERS = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60"), ("Vary", "Cookie")]


class Page:
    """A slow page that counts how often it was made, and greets by cookie."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.made += 1
        time.sleep(0.1)
        who = environ.get("HTTP_COOKIE", "stranger")
        start_response("200 OK", HEADERS)
        return [f"page {self.made} for {who}\n".encode()]


class Kept:
    """Cache whole answers in a dictionary, by path. What does it ignore?"""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.answers: dict[str, tuple[float, Any, list[bytes]]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        until, start, body = self.answers.get(path, (0.0, None, []))
        if time.monotonic() < until:
            start_response(*start)
            return body
        return self.fill(path, environ, start_response)

    def fill(
        self, path: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterator[bytes]:
        started: list[Any] = []

        def start(*arguments: Any) -> Any:
            started[:] = arguments
            return start_response(*arguments)

        body = list(self.app(environ, start))
        self.answers[path] = (time.monotonic() + KEPT_SECONDS, started[:2], body)
        yield from body


by_hand = Kept(Page())
application = HTTPCacheMiddleware(Page(), name="cache")
