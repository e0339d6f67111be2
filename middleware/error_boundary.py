"""Turn an unexpected exception into a 500, log it, and let nothing else pass for an answer.

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

    Request: passes as it is. Response: as it is, or, after an exception in the call or before the
    first chunk has gone out, the error page. After that the exception is raised again, which ends
    the connection, and the client can tell that the body is not whole. An empty chunk counts: most
    servers send the headers with it.

    The first chunk is taken before the body is returned, and only then is `start_response` passed
    on. So the page is nearly always the first that the server hears of, and needs no `exc_info`:
    servers raise that again (Werkzeug's and Flask's test clients), cut the page off (uWSGI) or
    have read the status by then (Granian). For the same reason an answer that the application
    itself replaces, with `exc_info`, is not passed on until its first chunk. Where the server
    knows of another answer already, of a 1xx or of one that it refuses, it gets `exc_info`.

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
        self.page = function_of("page", page)
        self.logger = logger or logging.getLogger("middleware.errors")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]  # Some make a GET of HEAD below.
        response = GuardedResponse(start_response)
        try:
            body = self.app(environ, response.start)
            if type(body) is list or type(body) is tuple:
                # It cannot fail while it is sent, so it needs no watching.
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
        """Log the exception that is being handled, and send the page instead, if it can be."""
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
    """One response: what the application has said of it, and how much the server knows."""

    __slots__ = ("held", "is_sent", "is_started", "server_write", "start_response")

    def __init__(self, start_response: StartResponse) -> None:
        self.start_response = start_response
        self.held: tuple[str, Headers] | None = None
        # Whether the server has been told, and whether it has had content, if only an empty chunk.
        self.is_started = False
        self.is_sent = False
        self.server_write: Write | None = None

    def start(self, status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
        """Stand in for the server's `start_response`: hold back what has not begun."""
        may_hold = not self.is_started and (self.held is None or exc_info is not None)
        # What follows a 1xx is no content, and takes its time: a WebSocket's session.
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
        """Tell the server what is held back."""
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
        """Start the page, during the handling of the exception that it is for."""
        self.held = None
        if self.is_started:
            self.start_response(page.status, list(page.headers), sys.exc_info())
        else:
            self.is_started = True
            self.start_response(page.status, list(page.headers))


class GuardedBody(WrappedBody):
    """A body that ends with the error page, if it fails in time."""

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
        """Take the first chunk, and tell the server of the response that begins with it."""
        try:
            self._first = self.guarded_chunk()
        except StopIteration:
            self._next = iter(()).__next__
        except BaseException:
            self.close()  # The server never gets this body.
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
        """Take the next chunk, or in place of an error that comes in time, the page."""
        try:
            return self.started_chunk()
        except StopIteration:
            raise
        except Exception:
            # From here on the chunks are those of the page; the failed body is still closed.
            page = self._boundary.answer(self._method, self._environ, self._response)
            self._next = iter(page).__next__
        return self.next_chunk()

    def started_chunk(self) -> bytes:
        """Take the next chunk, and see that the server knows the status before it gets that."""
        response = self._response
        try:
            chunk = self.next_chunk()
        except StopIteration:
            response.release()
            raise
        if response.held is not None:
            response.release()
        return chunk
