"""Take the version of an API out of its paths."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._options import names_of
from middleware._paths import below, first_segment, shift, wsgi_prefix

KEY = "middleware.version"


class Versions:
    """Let `/v1/users` be `/users` of version `v1`.

    `versions`: the first segments that are versions, each one segment.

    Environ: writes `middleware.version`; moves the segment from `PATH_INFO` to `SCRIPT_NAME`, so
    that links made below stay within the version. Without a version the key is missing.

    Rules: PEP 3333, "environ Variables".
    """

    def __init__(self, versions: Iterable[str]) -> None:
        names = names_of("versions", versions)
        if any("/" in name or not name for name in names):
            raise ValueError("a version is one segment of a path")
        if not names:
            raise ValueError("versions: there is none")
        self.prefixes = tuple((wsgi_prefix(f"/{name}"), name) for name in names)
        self.segments = frozenset(first_segment(prefix) for prefix, _ in self.prefixes)

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        for prefix, name in self.prefixes:
            rest = below(prefix, environ.get("PATH_INFO", ""))
            if rest is not None:
                environ[KEY] = name
                shift(environ, prefix, rest or "/")
                return app
        return None
