"""Log one line for each request, when its body has ended.

Environ keys read: `middleware.request_id`. Written: `middleware.access_log.count`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._paths import quoted, whole_path
from middleware._wsgi import ExcInfo, Headers, Write, close_body, write_nothing

COUNT = "middleware.access_log.count"
LINE = (
    '%(address)s "%(method)s %(path)s" %(status)s %(bytes)d bytes %(milliseconds).1f ms'
    " %(request_id)s %(end)s"
)


class AccessLogMiddleware:
    """Log the request, the status, the number of bytes and the time.

    Request and response pass unchanged. The body is wrapped to count its bytes and to notice its
    end: the line is written when the server closes the body, after the last chunk or after the
    client has left.

    `logger`, `level`: where the line goes. While the logger is not enabled for the level, nothing
        is measured and nothing is wrapped.

    `write(body)`: gets each finished `LoggedBody` instead of the logger, whose level then only
        switches the log on and off. It may collect them and call `line()` or `fields()` later. A
        log record costs more than everything else here.

    The record's message is one line; its `args` is the dict that the line is made from, for a
    formatter that writes JSON: `address`, `method`, `path`, `status` (int; 0 if there was none),
    `bytes` (of content), `milliseconds` (from the call to the end of the body), `request_id`
    (`-` if there is none) and `end`: `complete`, `closed` (early) or `error`.

    Reads `middleware.request_id`, `REMOTE_ADDR`. Writes `middleware.access_log.count`, which takes
    the number of bytes that a body sends by another way than yielding them.

    Place: inside trusted proxy and request id, whose results it logs; outside whatever may answer.

    Rules: PEP 3333, "Specification Details" on `close()`. Methods and paths are quoted, so that
    no request can forge a line.

    It logs no query, no header and no cookie, because they may hold secrets. It hides a
    `wsgi.file_wrapper` body from the server, which then sends it in chunks.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        logger: logging.Logger | None = None,
        level: int = logging.INFO,
        write: Callable[[LoggedBody], object] | None = None,
    ) -> None:
        self.app = app
        self.logger = logger or logging.getLogger("middleware.access")
        self.level = level
        self.write = self.record if write is None else write

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self.logger.isEnabledFor(self.level):
            return self.app(environ, start_response)
        body = LoggedBody(environ, self.write)

        def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
            try:
                write = start_response(status, headers, exc_info)
            finally:
                exc_info = None
            body.status = status
            if write is None:  # Granian has none.
                return write
            body.server_write = write
            return body.write

        try:
            environ[COUNT] = body.count
            body.inner = self.app(environ, start)
        except BaseException:
            body.finish("error")
            raise
        return body

    def record(self, body: LoggedBody) -> None:
        """Log the line as a record."""
        logger, arguments = self.logger, (body.fields(),)
        # Not logger.log(), which searches the stack for its caller; that is always this module.
        logger.handle(
            logger.makeRecord(logger.name, self.level, __file__, 0, LINE, arguments, None)
        )


class LoggedBody:
    """A body whose end is logged, with the fields of its request."""

    __slots__ = (
        "address",
        "end",
        "inner",
        "is_closed",
        "log",
        "method",
        "path",
        "request_id",
        "seconds",
        "server_write",
        "size",
        "status",
    )

    def __init__(self, environ: WSGIEnvironment, log: Callable[[LoggedBody], object]) -> None:
        self.log = log
        self.inner: Iterable[bytes] = ()
        self.is_closed = False
        # Read now, because the layers below may change environ.
        self.address = environ.get("REMOTE_ADDR") or "-"  # A Unix socket has none.
        self.method = environ["REQUEST_METHOD"]
        self.path = whole_path(environ)
        self.request_id = environ.get("middleware.request_id", "-")
        self.status = "0"
        self.size = 0
        self.end = "closed"
        self.server_write: Write = write_nothing
        self.seconds = -time.perf_counter()

    def write(self, chunk: bytes) -> None:
        """Count the bytes that the application sends through the server's `write`."""
        self.server_write(chunk)
        self.size += len(chunk)

    def count(self, size: int) -> None:
        """Count bytes that the body sends by another way."""
        self.size += size

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.inner:
                self.size += len(chunk)
                yield chunk
        except GeneratorExit:
            raise  # The server has given up the response.
        except BaseException:
            self.end = "error"
            raise
        self.end = "complete"

    def close(self) -> None:
        """Close the wrapped body once, and log; a `finally` in `__iter__` might never run."""
        if self.is_closed:
            return
        self.is_closed = True
        try:
            close_body(self.inner)
        finally:
            self.finish(self.end)

    def finish(self, end: str) -> None:
        """Log it, and drop what is the response's, in case `write` collects these objects."""
        self.seconds += time.perf_counter()
        self.end = end
        self.inner, self.server_write = (), write_nothing
        self.log(self)

    def line(self) -> str:
        """Return the line: `LINE % fields()`, in half the time."""
        return (
            f'{self.address} "{quoted(self.method)} {quoted(self.path)}" {int(self.status[:3])}'
            f" {self.size} bytes {self.seconds * 1000:.1f} ms {self.request_id} {self.end}"
        )

    def fields(self) -> dict[str, object]:
        """Return the values of the line."""
        return {
            "address": self.address,
            "method": quoted(self.method),
            "path": quoted(self.path),
            "status": int(self.status[:3]),
            "bytes": self.size,
            "milliseconds": self.seconds * 1000,
            "request_id": self.request_id,
            "end": self.end,
        }
