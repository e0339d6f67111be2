"""Answer health checks without the application."""

from __future__ import annotations

from collections.abc import Callable
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._paths import first_segment, wsgi_path
from middleware.answer import Answer, OtherMethods

NOT_STORED = [("Cache-Control", "no-store")]
ALIVE = Answer("200 OK", "ok\n", NOT_STORED)
WRONG_METHOD = OtherMethods("GET", "HEAD")


class Health:
    """Answer 200 at one path, or 503 with the reason that a check returns.

    `path`: the path of the health check.
    `check()`: returns what is wrong, or None. It is called for each request, so it should be quick.
        Without it, a 200 means that the process is alive and serves.

    Rules: RFC 9110 sections 15.6.4 (503), 15.5.6 (405), 9.3.7 (OPTIONS); RFC 9111 section
    5.2.2.5 (`no-store`).
    """

    def __init__(self, path: str, check: Callable[[], str | None] | None = None) -> None:
        self.path = wsgi_path(path)
        self.segments = frozenset({first_segment(self.path)})
        self.check = check

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        if environ.get("PATH_INFO") != self.path:
            return None
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return WRONG_METHOD
        wrong = self.check() if self.check else None
        if wrong is None:
            return ALIVE
        return Answer("503 Service Unavailable", f"{wrong}\n", NOT_STORED)
