"""Answer a request with what has been decided beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware._options import list_of


class Answer:
    """A whole response, decided beforehand; itself a WSGI application.

    The request's body is left unread. HEAD gets the headers alone (RFC 9110 section 9.3.2).
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: str,
        body: str = "",
        headers: Iterable[tuple[str, str]] = (),
        *,
        content_type: str = "text/plain; charset=utf-8",
    ) -> None:
        self.status = status
        self.body = body.encode()
        length = str(len(self.body))
        self.headers = [
            *list_of("headers", headers),
            ("Content-Type", content_type),
            ("Content-Length", length),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, list(self.headers))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]
