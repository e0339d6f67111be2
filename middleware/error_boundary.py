"""Turn an unexpected exception into a 500, and log it.

Environ keys read: `middleware.request_id`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware._paths import quoted, whole_path
from middleware._wsgi import ExcInfo, Headers, WrappedBody, Write, write_nothing
from middleware.answer import Answer

Page: TypeAlias = Callable[[WSGIEnvironment], Answer]

PLAIN = Answer(
    "500 Internal Server Error",
    "Something went wrong on our side. The error has been logged.\n",
    [("Cache-Control", "no-store")],
)


class ErrorBoundaryMiddleware:
    """Answer 500 for an exception from below, as long as nothing has been sent.

    Request: passes unchanged. Response: passes unchanged; or the error page, after an exception in
    the call or before the first chunk is sent. A later exception is raised again: that ends the
    connection, so the client can tell that the body is incomplete. An empty chunk counts, because
    most servers send the headers with it.

    The first chunk is taken before the body is returned, and only then is `start_response` passed
    on. So the page is nearly always the first response that the server sees, and needs no
    `exc_info`: servers raise it again (Werkzeug's and Flask's test clients), cut the page off
    (uWSGI) or have read the status by then (Granian). For the same reason, a response that the
    application itself replaces, with `exc_info`, is not passed on until its first chunk. If the
    server has seen another response already, a 1xx or one that it refuses, it gets `exc_info`.

    `page`: makes an `Answer` from environ; a plain sentence unless given. It should do little: if
        it fails too, that is logged, and the plain sentence is sent.
    `logger`: gets each exception, with its traceback and the request's id, as an error.

    Reads `middleware.request_id`; writes nothing.

    Place: outside everything that may fail; inside request id, access log and security headers,
    which do not fail and also apply to the page.

    Rules: PEP 3333, "Error Handling"; RFC 9110 section 15.6.1 (500), section 9.3.2 (HEAD).

    It catches only `Exception`: `SystemExit`, gevent's `Timeout` and `GreenletExit` are not errors
    of the application. Errors in `close()` come too late for a response, and reach the server's
    log.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        page: Page = lambda environ: PLAIN,
        logger: logging.Logger | None = None,
    ) -> None:
        self.app = app
        self.page = function_of("page", page)
        self.logger = logger or logging.getLogger("middleware.errors")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]  # Layers below may turn HEAD into GET.
        response = GuardedResponse(start_response)
        try:
            body = self.app(environ, response.start)
            if type(body) is list or type(body) is tuple:
                # A list cannot fail while it is sent.
                response.release()
                return body
        except Exception:
            return self.answer(method, environ, response)
        guarded = GuardedBody(body, self, method, environ, response)
        if not response.is_started:
            guarded.begin()
        return guarded

    def answer(
        self, method: str, environ: WSGIEnvironment, response: GuardedResponse
    ) -> Iterable[bytes]:
        """Log the current exception, and send the page, if that is still possible."""
        self.log(method, environ)
        if response.is_sent:
            raise
        try:
            page = self.page(environ)
        except Exception:
            self.log(method, environ)
            page = PLAIN
        response.replace(page)
        return [] if method == "HEAD" else [page.body]

    def log(self, method: str, environ: WSGIEnvironment) -> None:
        self.logger.exception(
            "Request %s failed: %s %s",
            environ.get("middleware.request_id", "-"),
            quoted(method),
            quoted(whole_path(environ)),
        )


class GuardedResponse:
    """One response: its head from the application, and how much of it the server has seen."""

    __slots__ = ("held", "is_sent", "is_started", "server_write", "start_response")

    def __init__(self, start_response: StartResponse) -> None:
        self.start_response = start_response
        self.held: tuple[str, Headers] | None = None
        # Whether the server has seen the head, and whether it got a chunk, even an empty one.
        self.is_started = False
        self.is_sent = False
        self.server_write: Write | None = None

    def start(self, status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
        """Stand in for the server's `start_response`: hold the head back until the first chunk."""
        may_hold = not self.is_started and (self.held is None or exc_info is not None)
        # What follows a 1xx is no content and may take long: a WebSocket's session.
        if may_hold and status[:1] != "1":
            self.held = (status, headers[:])
            return self.write
        self.release()
        try:
            self.is_started = True
            self.server_write = self.start_response(status, headers, exc_info)
        finally:
            exc_info = None
        return self.write

    def release(self) -> None:
        """Pass the head that was held back to the server."""
        if self.held is not None:
            (status, headers), self.held = self.held, None
            self.is_started = True
            self.server_write = self.start_response(status, headers)

    def write(self, chunk: bytes) -> None:
        """Stand in for the server's `write`."""
        self.release()
        write = self.server_write or write_nothing
        self.is_sent = write is not write_nothing
        write(chunk)

    def replace(self, page: Answer) -> None:
        """Start the page while its exception is being handled."""
        self.held = None
        if self.is_started:
            self.start_response(page.status, list(page.headers), sys.exc_info())
        else:
            self.is_started = True
            self.start_response(page.status, list(page.headers))


class GuardedBody(WrappedBody):
    """A body that is replaced by the error page if it fails before its first chunk."""

    __slots__ = ("_boundary", "_environ", "_first", "_method", "_response")

    def __init__(
        self,
        body: Iterable[bytes],
        boundary: ErrorBoundaryMiddleware,
        method: str,
        environ: WSGIEnvironment,
        response: GuardedResponse,
    ) -> None:
        super().__init__(body)
        self._boundary = boundary
        self._method = method
        self._environ = environ
        self._response = response
        self._first: bytes | None = None

    def begin(self) -> None:
        """Take the first chunk, and start the response that begins with it."""
        try:
            self._first = self.guarded_chunk()
        except StopIteration:
            self._next = iter(()).__next__
        except BaseException:
            self.close()  # The server never gets this body, so it cannot close it.
            raise

    def __next__(self) -> bytes:
        chunk = self._first
        if chunk is None:
            chunk = self.guarded_chunk()
        else:
            self._first = None
        self._response.is_sent = True
        return chunk

    def guarded_chunk(self) -> bytes:
        """Take the next chunk; after an error that comes in time, the page."""
        try:
            return self.started_chunk()
        except StopIteration:
            raise
        except Exception:
            # From here on, the chunks are those of the page; the failed body is still closed.
            page = self._boundary.answer(self._method, self._environ, self._response)
            self._next = iter(page).__next__
        return self.next_chunk()

    def started_chunk(self) -> bytes:
        """Take the next chunk, after the server has got the status."""
        response = self._response
        try:
            chunk = self.next_chunk()
        except StopIteration:
            response.release()
            raise
        if response.held is not None:
            response.release()
        return chunk
