"""Events over HTTP: streams and long polling."""

from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.types import WSGIEnvironment

import gevent

from middleware.access_log import COUNT
from ngw2f.http import JSON_TYPE, Request, Response, add_vary, problem
from ngw2f.live.entry import Form
from ngw2f.live.formats import JSONLines, ServerSentEvents
from ngw2f.live.page import PageData, PageEvents, PageLines
from ngw2f.live.plain import PlainText
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.store.users import UserRow
from ngw2f.text.languages import LANGUAGES
from ngw2f.web import auth
from ngw2f.web.choice import choice_of
from ngw2f.web.services import Services

# How long a long poll waits at most, which is below the time-outs of proxies, and by default.
MAX_WAIT_SECONDS = 55
WAIT_SECONDS = 25

EVENT_STREAM, JSON_LINES = "text/event-stream", "application/x-ndjson"
STREAM_TYPES = (EVENT_STREAM, JSON_LINES, "text/plain")
SOCKET = "gunicorn.socket"
# No cache stores a stream, and nginx does not buffer it.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def _count_nothing(_size: int) -> None:
    pass


class EventStream:
    """A body that lasts as long as the client listens.

    The server gets each chunk directly from the client's subscription. Where its connection has a
    writer (ngw2f/server/chunk_writer.py), most are written there, past the chain, unless a layer
    changes them; the access log is told at the end how many bytes that were.
    """

    __slots__ = ("_connection", "_count", "_first", "_subscription")

    def __init__(self, subscription: Subscription, environ: WSGIEnvironment) -> None:
        # Werkzeug keeps the request there, with all that it has parsed.
        environ.pop("werkzeug.request", None)
        self._subscription = subscription
        self._first: bytes | None = None
        self._connection: Any = environ.get(SOCKET)
        self._count: Callable[[int], None] = environ.get(COUNT, _count_nothing)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._subscription.writer is None:
            self._take_writer()
        elif self._subscription.writer.rest is not None:
            self._send_rest()
        chunk = self._subscription.next_chunk()
        if chunk is None:
            raise StopIteration
        if self._first is None:
            self._first = chunk
        return chunk

    def _take_writer(self) -> None:
        writer = getattr(self._connection, "writer", None)
        # A layer that compresses, or rewrites, gives the server another chunk.
        if writer is not None and writer.first == self._first:
            self._subscription.writer = writer
            self._first = writer.first = b""

    def _send_rest(self) -> None:
        """Send what the server does when it gets an empty chunk, which a layer has left out."""
        writer = self._connection.writer
        rest, writer.rest = writer.rest, None
        self._connection.sendall(rest)

    def close(self) -> None:
        self._subscription.close()
        writer, self._subscription.writer = self._subscription.writer, None
        if writer is not None:
            self._count(writer.size)


class PolledLines(JSONLines):
    """JSON lines that become a list, so without heartbeats between them."""

    heartbeat = b""


def stream(services: Services, request: Request) -> Response:
    """Answer with Server-Sent Events, JSON lines or text, as Accept prefers."""
    media_type = _preferred_type(request)
    reader = auth.find_listener(services, request)
    form = _form_of(services, request, media_type)
    response = Response(mimetype=media_type, headers=HEADERS)
    add_vary(response, ["Accept", "Authorization", "Cookie"])
    if request.method == "HEAD":
        choice_of(services, request, reader)
        # The length of a stream is unknown.
        response.automatically_set_content_length = False
        return response
    after = request.headers.get("Last-Event-ID") or request.args.get("after")
    subscription = subscribe(services, request, form, reader, after)
    subscription.say(form.greeting(subscription.last_id))
    response.response = EventStream(subscription, request.environ)
    # Werkzeug must not wrap the body.
    response.direct_passthrough = True
    return response


def poll(services: Services, request: Request) -> Response:
    """Answer with the events after an id, or wait for the next one.

    With neither `after` nor `wait`, answer at once with the id to begin with.
    """
    reader = auth.find_listener(services, request)
    after = request.args.get("after")
    wait = request.integer_argument("wait", 0)
    if wait is None:
        wait = WAIT_SECONDS if after is not None else 0
    form = PageLines(_page_data(services, request)) if _is_page(request) else PolledLines()
    subscription = subscribe(services, request, form, reader, after)
    try:
        lines = _next_lines(subscription, min(wait, MAX_WAIT_SECONDS))
        body = b'{"events":[%s],"next":"%s"}'
        content = body % (b",".join(lines), str(subscription.last_id).encode())
    finally:
        subscription.close()
    return Response(content, mimetype=JSON_TYPE, headers={"Cache-Control": "no-store"})


def subscribe(
    services: Services, request: Request, form: Form, reader: UserRow | None, after: str | None
) -> Subscription:
    """Return a subscription to what the query chooses; it ends when the token is revoked.

    Raises 400, Invalid, NotFound.
    """
    choice = choice_of(services, request, reader)
    if reader is None:
        return services.hub.subscribe(form, after=after, choice=choice)
    return services.hub.subscribe(form, reader.id, reader.token_digest, after, choice)


def _next_lines(subscription: Subscription, seconds: int) -> list[bytes]:
    # The timer ends the wait, but not a query that has begun.
    timer = gevent.spawn_later(seconds, subscription.end, Ending.CLOSED)
    try:
        chunk = subscription.next_chunk()
        return chunk.splitlines() if chunk else []
    finally:
        timer.kill(block=False)


def _preferred_type(request: Request) -> str:
    media_type = request.accepts.best(STREAM_TYPES)
    if media_type is None:
        raise problem(406, f"the stream comes as {', '.join(STREAM_TYPES)}")
    return media_type


def _form_of(services: Services, request: Request, media_type: str) -> Form:
    """Return a form of the type; of a page, in the language of its reader, who is known by now."""
    if media_type == EVENT_STREAM:
        is_page = _is_page(request)
        return PageEvents(_page_data(services, request)) if is_page else ServerSentEvents()
    return JSONLines() if media_type == JSON_LINES else PlainText(services.core.database)


def _page_data(services: Services, request: Request) -> PageData:
    """Return the data in the language of the page, which its account may have changed since."""
    asked = request.args.get("language")
    return services.live_pages.in_language(asked if asked in LANGUAGES else request.language)


def _is_page(request: Request) -> bool:
    """Say whether the chat's own page asks, which wants HTML to show (ngw2f/live/page.py)."""
    return request.args.get("as") == "page"
