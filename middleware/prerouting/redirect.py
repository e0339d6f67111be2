"""Send clients from old addresses to new ones."""

from __future__ import annotations

from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._paths import (
    first_segment,
    quoted,
    quoted_query,
    rest_at,
    wsgi_path,
    wsgi_prefix,
)
from middleware.answer import Answer
from middleware.headers import checked

REASONS = {
    301: "301 Moved Permanently",
    302: "302 Found",
    303: "303 See Other",
    307: "307 Temporary Redirect",
    308: "308 Permanent Redirect",
}


class Redirect:
    """Redirect a path, or everything below it, and keep the query.

    `path`: the old path. `to`: the new path within this application, or an absolute URL.
    `status`: 308 unless given, which keeps the method; also 301, 302, 303 and 307.
    `whole`: redirect everything below `path` too, to the same place below `to`.

    Rules: RFC 9110 sections 15.4 and 10.2.2. Parts of the request in the new address are quoted,
    and it never begins with two slashes, so that no request can choose another host.
    """

    def __init__(self, path: str, to: str, status: int = 308, *, whole: bool = False) -> None:
        self.path = wsgi_prefix(path) if whole else wsgi_path(path)
        self.segments = frozenset({first_segment(self.path)})
        self.reason = REASONS[status]
        self.is_absolute = bool(urlsplit(to).scheme)
        if not self.is_absolute and (not to.startswith("/") or to.startswith("//")):
            raise ValueError(f"neither a path nor an absolute URL: {to!r}")
        if "#" in to or (whole and "?" in to):
            raise ValueError(f"a path or query cannot be added to {to!r}")
        self.to = checked(to)
        self.whole = whole

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        rest = rest_at(self.path, environ.get("PATH_INFO", ""), whole=self.whole)
        if rest is None:
            return None
        return Answer(self.reason, headers=[("Location", self.location(environ, rest))])

    def location(self, environ: WSGIEnvironment, rest: str) -> str:
        """Return the new address of the path `rest` below the old one."""
        root = "" if self.is_absolute else quoted(environ.get("SCRIPT_NAME", ""))
        to = root + self.to
        if rest:
            to = to.rstrip("/") + "/" + quoted(rest.lstrip("/"))
        query = quoted_query(environ.get("QUERY_STRING", ""))
        return checked(f"{to}{'&' if '?' in to else '?'}{query}" if query else to)
