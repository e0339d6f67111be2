"""Log one line for each request, when its body has ended.

Environ keys read: `middleware.request_id`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._paths import quoted, whole_path
from middleware._wsgi import ExcInfo, Headers, WrappedBody, Write

LINE = (
    '%(address)s "%(method)s %(path)s" %(status)s %(bytes)d bytes %(milliseconds).1f ms'
    " %(request_id)s %(end)s"
)


class AccessLogMiddleware:
    """Log what was asked, what was answered, how much of it and how long it took.

    Request and response pass as they are; the body is wrapped so that its bytes are counted and
    its end is seen: the line is written when the server closes the body, after the last chunk or
    when the client has gone before it.

    `logger`, `level`: where the line goes. While the logger is not enabled for the level, nothing
        is measured and nothing is wrapped.

    The record's message is one line; its `args` is the dict that the line is made from, for a
    formatter that writes JSON: `address`, `method`, `path`, `status` (int; 0 if there was none),
    `bytes` (of content), `milliseconds` (from the call to the end of the body), `request_id`
    (`-` if there is none) and `end`: `complete`, `closed` (early) or `error`.

    Reads `middleware.request_id`, `REMOTE_ADDR`; writes nothing.

    Place: inside trusted proxy and request id, whose results it logs; outside all that may answer.

    Rules: PEP 3333, "Specification Details" on `close()`. Methods and paths are quoted, so that
    no request can forge a line.

    It logs no query, no header and no cookie, since those hold secrets. It hides a
    `wsgi.file_wrapper` body from the server, which then sends it in chunks.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        logger: logging.Logger | None = None,
        level: int = logging.INFO,
    ) -> None:
        self.app = app
        self.logger = logger or logging.getLogger("middleware.access")
        self.level = level

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self.logger.isEnabledFor(self.level):
            return self.app(environ, start_response)
        entry = Entry(self, environ)

        def start(status: str, headers: Headers, exc_info: ExcInfo | None = None, /) -> Write:
            try:
                write = start_response(status, headers, exc_info)
            finally:
                exc_info = None
            entry.status = status
            return entry.counting(write)

        try:
            return LoggedBody(self.app(environ, start), entry)
        except BaseException:
            entry.end = "error"
            entry.log()
            raise


class Entry:
    """What is known of one request so far."""

    __slots__ = (
        "address",
        "end",
        "log_to",
        "method",
        "path",
        "request_id",
        "size",
        "start",
        "status",
    )

    def __init__(self, log_to: AccessLogMiddleware, environ: WSGIEnvironment) -> None:
        self.log_to = log_to
        # Now, since whoever is below may change environ.
        self.address = environ.get("REMOTE_ADDR") or "-"  # A Unix socket has none.
        self.method = environ["REQUEST_METHOD"]
        self.path = whole_path(environ)
        self.request_id = environ.get("middleware.request_id", "-")
        self.status = "0"
        self.size = 0
        self.end = "closed"
        self.start = time.perf_counter()

    def counting(self, write: Write) -> Write:
        """Wrap the server's `write` so that its bytes count too."""

        def counted(chunk: bytes) -> None:
            write(chunk)
            self.size += len(chunk)

        return counted

    def log(self) -> None:
        """Write the line."""
        taken = time.perf_counter() - self.start
        fields = {
            "address": self.address,
            "method": quoted(self.method),
            "path": quoted(self.path),
            "status": int(self.status[:3]),
            "bytes": self.size,
            "milliseconds": taken * 1000,
            "request_id": self.request_id,
            "end": self.end,
        }
        logger, level = self.log_to.logger, self.log_to.level
        # Not logger.log(), which searches the stack for its caller: always this line.
        logger.handle(logger.makeRecord(logger.name, level, __file__, 0, LINE, (fields,), None))


class LoggedBody(WrappedBody):
    """A body whose end is logged."""

    __slots__ = ("_entry",)

    def __init__(self, body: Iterable[bytes], entry: Entry) -> None:
        super().__init__(body)
        self._entry = entry

    def __next__(self) -> bytes:
        try:
            chunk = self.next_chunk()
        except StopIteration:
            self._entry.end = "complete"
            raise
        except BaseException:
            self._entry.end = "error"
            raise
        self._entry.size += len(chunk)
        return chunk

    def after_close(self) -> None:
        self._entry.log()
