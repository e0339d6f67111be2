"""Answer a request with a response that is made in advance."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware._options import list_of
from middleware._wsgi import NO_CONTENT_STATUSES


class Answer:
    """A whole response, made in advance; itself a WSGI application.

    The request's body stays unread. HEAD gets only the headers (RFC 9110 section 9.3.2). A 204
    or 304 has no content and no fields about content (section 8.6); `ValueError` if it is given
    a body.
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
        self.headers = [*list_of("headers", headers)]
        if status[:3] not in NO_CONTENT_STATUSES:
            length = str(len(self.body))
            self.headers += [("Content-Type", content_type), ("Content-Length", length)]
        elif body:
            raise ValueError(f"{status[:3]} has no content")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, list(self.headers))
        return [self.body] if self.body and environ["REQUEST_METHOD"] != "HEAD" else []


class OtherMethods:
    """Answer requests whose method is not one of `allowed`.

    OPTIONS gets the list of allowed methods, OPTIONS included (RFC 9110 section 9.3.7); every other
    method gets a 405 with the same list (section 15.5.6).
    """

    def __init__(self, *allowed: str) -> None:
        allow = [("Allow", ", ".join([*allowed, "OPTIONS"]))]
        self.options = Answer("204 No Content", headers=allow)
        self.refusal = Answer("405 Method Not Allowed", f"Ask with {allowed[0]}.\n", allow)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self.options if environ["REQUEST_METHOD"] == "OPTIONS" else self.refusal
        return answer(environ, start_response)
