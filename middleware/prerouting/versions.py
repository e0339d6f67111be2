"""Move the version of an API from the path to environ."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._options import names_of
from middleware._paths import below, first_segment, shift, wsgi_prefix

KEY = "middleware.version"


class Versions:
    """Serve `/v1/users` as `/users` of version `v1`.

    `versions`: the versions, each the first segment of a path.

    Environ: writes `middleware.version`; moves the segment from `PATH_INFO` to `SCRIPT_NAME`, so
    that links made below stay within the version. For a path without a version, the key is missing.

    Rules: PEP 3333, "environ Variables".
    """

    def __init__(self, versions: Iterable[str]) -> None:
        names = names_of("versions", versions)
        if any("/" in name or not name for name in names):
            raise ValueError("a version must be one segment of a path")
        if not names:
            raise ValueError("versions: at least one is needed")
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
