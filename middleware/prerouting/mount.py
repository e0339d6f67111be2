"""Serve a part of the site by another WSGI application."""

from __future__ import annotations

import re
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._paths import below, first_segment, normal_host, shift, wsgi_prefix

# With a port or without; no scheme, no path.
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:\d+)?", re.ASCII)


class Mount:
    """Let another application answer below a path, as if the path were its root.

    `prefix`: one or more whole segments, such as `/static`.
    `target`: the application; it finds the prefix in `SCRIPT_NAME` and the rest in `PATH_INFO`.

    Rules: PEP 3333, "environ Variables".
    """

    def __init__(self, prefix: str, target: WSGIApplication) -> None:
        self.prefix = wsgi_prefix(prefix)
        self.segments = frozenset({first_segment(self.prefix)})
        self.target = target

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        rest = below(self.prefix, environ.get("PATH_INFO", ""))
        if rest is None:
            return None
        shift(environ, self.prefix, rest)
        return self.target


class MountHost:
    """Let another application answer for a host.

    `host`: with the port if that is not the scheme's default; compared without regard to case,
        and to whether a client writes the default port (RFC 9110 section 4.2.3).
    """

    segments = None

    def __init__(self, host: str, target: WSGIApplication) -> None:
        if not HOST.fullmatch(host):
            raise ValueError(f"host: {host!r} is not a host, as in 'docs.example.org'")
        self.host = host.lower()
        self.target = target

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        host = normal_host(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""))
        return self.target if host == self.host else None
