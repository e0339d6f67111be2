"""Turn an unexpected exception into a 500, log it, and let nothing else pass for an answer.

Environ keys read: `middleware.request_id`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._paths import quoted, whole_path
from middleware._wsgi import WrappedBody
from middleware.answer import Answer

Page: TypeAlias = Callable[[WSGIEnvironment], Answer]

PLAIN = Answer(
    "500 Internal Server Error",
    "Something went wrong on our side. The error has been logged.\n",
    [("Cache-Control", "no-store")],
)


class ErrorBoundaryMiddleware:
    """Answer 500 for an exception from below, as long as nothing has been sent.

    Request: passes as it is. Response: as it is, or, after an exception in the call or before the
    first chunk has gone out, the error page. `start_response` gets the exception as `exc_info`, so
    the server decides: if the headers are already out it raises the exception again, which ends
    the connection, and the client can tell that the body is not whole.

    `page`: makes the answer from environ, an `Answer`; a plain sentence unless given. It should do
        little: if it fails too, that is logged, and the plain sentence is sent.
    `logger`: gets each exception, with its traceback and the request's id, as an error.

    Reads `middleware.request_id`; writes nothing.

    Place: outside everything that may fail; inside request id, access log and security headers,
    which need no page, and belong on this one.

    Rules: PEP 3333, "Error Handling"; RFC 9110 section 15.6.1 (500), section 9.3.2 (HEAD).

    It does not catch what is not an `Exception`: `SystemExit`, gevent's `Timeout` and
    `GreenletExit` are not errors of the application. Errors in `close()` come too late for an
    answer, and reach the server's log.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        page: Page = lambda environ: PLAIN,
        logger: logging.Logger | None = None,
    ) -> None:
        self.app = app
        self.page = page
        self.logger = logger or logging.getLogger("middleware.errors")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]  # Some make a GET of HEAD below.
        try:
            body = self.app(environ, start_response)
        except Exception:
            return self.answer(method, environ, start_response)
        if type(body) is list or type(body) is tuple:
            return body  # It cannot fail while it is sent, so it needs no watching.
        return GuardedBody(body, self, method, environ, start_response)

    def answer(
        self, method: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Log the exception that is being handled, and send the page instead."""
        self.log(method, environ)
        try:
            page = self.page(environ)
        except Exception:
            self.log(method, environ)
            page = PLAIN
        start_response(page.status, list(page.headers), sys.exc_info())
        return [] if method == "HEAD" else [page.body]

    def log(self, method: str, environ: WSGIEnvironment) -> None:
        self.logger.exception(
            "Request %s failed: %s %s",
            environ.get("middleware.request_id", "-"),
            quoted(method),
            quoted(whole_path(environ)),
        )


class GuardedBody(WrappedBody):
    """A body that ends with the error page, if it fails in time."""

    __slots__ = ("_boundary", "_environ", "_method", "_start_response")

    def __init__(
        self,
        body: Iterable[bytes],
        boundary: ErrorBoundaryMiddleware,
        method: str,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> None:
        super().__init__(body)
        self._boundary = boundary
        self._method = method
        self._environ = environ
        self._start_response = start_response

    def __next__(self) -> bytes:
        try:
            return self.next_chunk()
        except StopIteration:
            raise
        except Exception:
            # From here on the chunks are those of the page; the failed body is still closed.
            page = self._boundary.answer(self._method, self._environ, self._start_response)
            self._next = iter(page).__next__
        return self.next_chunk()
