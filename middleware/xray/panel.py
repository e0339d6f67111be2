"""Put a panel at the foot of pages, which leads to the ladder of just this page."""

from __future__ import annotations

from html import escape
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._wsgi import Headers
from middleware.rewriting import InsertBefore, RewritingMiddleware
from middleware.xray.probe import KEY
from middleware.xray.text import counted
from middleware.xray.trace import Trace


def with_panel(app: WSGIApplication, path: str) -> WSGIApplication:
    """Return the application whose recorded pages have the panel; `path` is X-ray's own."""

    def make(environ: WSGIEnvironment, status: str, headers: Headers) -> InsertBefore | None:
        trace = environ.get(KEY)
        return InsertBefore(b"</body>", panel_of(trace, path)) if isinstance(trace, Trace) else None

    return RewritingMiddleware(app, make)


def panel_of(trace: Trace, path: str) -> bytes:
    """Return the panel of a page that begins now."""
    base = escape(trace.environ.get("SCRIPT_NAME", "") + path)
    layers = counted(len(trace.visits), "layer")
    return (
        # Whatever language the page has.
        f'<aside class="xray-panel" lang="en" aria-label="X-ray">'
        f'<link rel="stylesheet" href="{base}panel.css">'
        f'<a href="{base}{escape(trace.id)}">X-ray of this page</a>: '
        f"{layers}, {trace.now() * 1000:.1f} ms until its first byte</aside>"
    ).encode()
