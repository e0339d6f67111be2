"""Send a request to an application in this process, and record its answer."""

import traceback
from collections.abc import Iterable
from wsgiref.types import WSGIApplication

import gevent
import msgspec

from examples.middleware.question import Question
from middleware._wsgi import ExcInfo, Headers, Write, close_body
from middleware.xray import Trace, ladder, lint
from middleware.xray.probe import KEY

MAX_BODY_BYTES = 64 * 1024
# A stream has no end. Show what comes at once, and shortly after.
STREAM_SECONDS = 1.0
# Nor has a layer that hangs.
ANSWER_SECONDS = 60.0


class Run(msgspec.Struct, frozen=True):
    """A request, the chain that it was sent to, and the answer."""

    question: Question
    off: list[str]
    status: str
    headers: list[tuple[str, str]]
    body: str
    # What each layer did, as text; empty if there was no chain.
    ladder: str = ""


def ask(app: WSGIApplication, question: Question, off: Iterable[str], host: str) -> Run:
    """Call the application as a server does, and close what it returns.

    An exception is appended to the output before it, where a server would log it.
    """
    started: list[tuple[str, Headers]] = []
    chunks: list[bytes] = []

    def write(chunk: bytes) -> None:
        chunks.append(sendable(chunk))

    def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Write:
        pairs = [(name, value) for name, value in headers]
        for text in (status, *(text for pair in pairs for text in pair)):
            text.encode("latin-1")  # Nothing else can be sent.
        started.append((status, pairs))
        return write

    failure, environ = b"", question.environ(host)
    try:
        with gevent.Timeout(ANSWER_SECONDS):
            body = app(environ, start)
            try:
                take(body, chunks)
            finally:
                close_body(body)
    except (Exception, SystemExit, gevent.Timeout):
        failure = traceback.format_exc().encode(errors="replace")
    status, headers = started[-1] if started else ("start_response was not called", [])
    content = b"".join(chunks)[:MAX_BODY_BYTES] + failure
    trace = environ.get(KEY)
    journey = ladder(trace, lint(trace)) if isinstance(trace, Trace) and trace.visits else ""
    return Run(question, sorted(off), status, headers, content.decode(errors="replace"), journey)


def take(body: Iterable[bytes], chunks: list[bytes]) -> None:
    """Take the first chunk, and the rest within a time limit."""
    iterator = iter(body)
    chunks.append(sendable(next(iterator, b"")))
    size = sum(map(len, chunks))
    with gevent.Timeout(STREAM_SECONDS, False):
        while size < MAX_BODY_BYTES and (chunk := next(iterator, None)) is not None:
            chunks.append(sendable(chunk))
            size += len(chunk)


def sendable(chunk: bytes) -> bytes:
    """Return a part of a body. Raises `TypeError` for a string, as servers do."""
    return memoryview(chunk).tobytes()
