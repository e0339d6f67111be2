"""Change a page on its way out: gunicorn rewriting:by_hand, gunicorn rewriting:application."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.rewriting import InsertBefore, RewritingMiddleware

PAGE = b"<body>\n<p>hello</p>\n</body>\n"
LINE = b"<p>seen by a middleware</p>\n"


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    length = str(len(PAGE))
    headers = [("Content-Type", "text/html"), ("Content-Length", length), ("ETag", '"page-1"')]
    start_response("200 OK", headers)
    # In two chunks, like a page that is sent while it is made.
    return [PAGE[:24], PAGE[24:]]


def by_hand(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Replace in each chunk. What is forgotten here?"""
    for piece in page(environ, start_response):
        yield piece.replace(b"</body>", LINE + b"</body>")


application = RewritingMiddleware(
    page, lambda environ, status, headers: InsertBefore(b"</body>", LINE)
)
