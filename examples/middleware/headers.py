"""Add a header to each response: gunicorn headers:by_hand, then gunicorn headers:application."""

import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.headers import HeadersMiddleware, set_header


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer, or fail after starting to."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    if environ["PATH_INFO"] == "/broken":
        try:
            raise RuntimeError("no page today")
        except RuntimeError:
            headers = [("Content-Type", "text/plain"), ("Content-Length", "6")]
            start_response("500 Internal Server Error", headers, sys.exc_info())
            return [b"sorry\n"]
    return [b"hello\n"]


def by_hand(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Replace `start_response` with our own function. What is forgotten here?"""

    def start(status: str, headers: list[tuple[str, str]]) -> Callable[[bytes], Any]:
        return start_response(status, [*headers, ("X-Robots-Tag", "noindex")])

    # `exc_info`, as the checker notices: an application may start again with a third argument.
    return page(environ, start)  # type: ignore[arg-type]


application = HeadersMiddleware(page, response=[set_header("X-Robots-Tag", "noindex")])
