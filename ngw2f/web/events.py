"""Events over HTTP: streams and long polling."""

from collections.abc import Iterator

import gevent

from ngw2f.http import JSON_TYPE, Request, Response, add_vary, problem
from ngw2f.live.entry import Form
from ngw2f.live.formats import JSONLines, ServerSentEvents
from ngw2f.live.page import PageEvents, PageLines
from ngw2f.live.plain import PlainText
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.store.tokens import digest_of
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.choice import choice_of
from ngw2f.web.services import Services

# How long a long poll waits at most, which is below the time-outs of proxies, and by default.
MAX_WAIT_SECONDS = 55
WAIT_SECONDS = 25

EVENT_STREAM = "text/event-stream"
# No cache stores a stream, and nginx does not buffer it.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream:
    """A body that lasts as long as the client listens.

    The server gets each chunk directly from the client's subscription.
    """

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._subscription.next_chunk()
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        self._subscription.close()


class PolledLines(JSONLines):
    """JSON lines that become a list, so without heartbeats between them."""

    heartbeat = b""


def stream(services: Services, request: Request) -> Response:
    """Answer with Server-Sent Events, JSON lines or text, as Accept prefers."""
    media_type, form = _preferred_form(services, request)
    reader = auth.find_reader(services, request)
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
    response.response = EventStream(subscription)
    # Werkzeug must not wrap the body.
    response.direct_passthrough = True
    return response


def poll(services: Services, request: Request) -> Response:
    """Answer with the events after an id, or wait for the next one.

    With neither `after` nor `wait`, answer at once with the id to begin with.
    """
    reader = auth.find_reader(services, request)
    after = request.args.get("after")
    wait = request.integer_argument("wait", 0)
    if wait is None:
        wait = WAIT_SECONDS if after is not None else 0
    form = PageLines(services.page_data) if _is_page(request) else PolledLines()
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
    digest = digest_of(auth.token_of(request) or "")
    return services.hub.subscribe(form, reader.id, digest, after, choice)


def _next_lines(subscription: Subscription, seconds: int) -> list[bytes]:
    # The timer ends the wait, but not a query that has begun.
    timer = gevent.spawn_later(seconds, subscription.end, Ending.CLOSED)
    try:
        chunk = subscription.next_chunk()
        return chunk.splitlines() if chunk else []
    finally:
        timer.kill(block=False)


def _preferred_form(services: Services, request: Request) -> tuple[str, Form]:
    is_page = _is_page(request)
    forms: dict[str, Form] = {
        EVENT_STREAM: PageEvents(services.page_data) if is_page else ServerSentEvents(),
        "application/x-ndjson": JSONLines(),
        "text/plain": PlainText(services.core.database),
    }
    media_type = request.accepts.best(list(forms))
    if media_type is None:
        raise problem(406, f"the stream is there as {', '.join(forms)}")
    return media_type, forms[media_type]


def _is_page(request: Request) -> bool:
    """Say whether the chat's own page asks, which wants HTML to show (ngw2f/live/page.py)."""
    return request.args.get("as") == "page"
