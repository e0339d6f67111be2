"""Serve a path by another one, without a redirect."""

from __future__ import annotations

from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._paths import (
    first_segment,
    rest_at,
    wsgi_path,
    wsgi_prefix,
)


class Rewrite:
    """Change `PATH_INFO`, and let the application below answer.

    `path`: the path that comes in. `to`: the path that the application sees.
    `whole`: rewrite everything below `path` too, to the same place below `to`.

    The query stays. Environ: reads and writes `PATH_INFO`.
    """

    def __init__(self, path: str, to: str, *, whole: bool = False) -> None:
        self.path = wsgi_prefix(path) if whole else wsgi_path(path)
        self.segments = frozenset({first_segment(self.path)})
        self.to = wsgi_path(to)
        self.whole = whole

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        rest = rest_at(self.path, environ.get("PATH_INFO", ""), whole=self.whole)
        if rest is None:
            return None
        environ["PATH_INFO"] = self.to.rstrip("/") + rest if rest else self.to
        return app
