"""Messages of a room: the history, post, edit, delete, restore."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ngw2f.actions import rights
from ngw2f.actions.messages import MAX_FILES, Posted
from ngw2f.api_resources import MAX_ID, Message
from ngw2f.http import JSON_TYPE, Request, Response, json_response, known, link_header, no_content
from ngw2f.live.cache_groups import room_group
from ngw2f.store import messages
from ngw2f.store.message_pages import Found, Page
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.web import auth, idempotency, waiting
from ngw2f.web.caching import kept_fields, kept_json
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT
from ngw2f.web.services import Services
from ngw2f.web.waiting import Pending

MessageId = Annotated[int, Meta(ge=1, le=MAX_ID)]

FileIds = Annotated[tuple[MessageId, ...], Meta(max_length=MAX_FILES)]

NEWEST = Page(limit=DEFAULT_LIMIT)


class ChangedMessage(msgspec.Struct):
    source: str


class NewMessage(ChangedMessage):
    # The message of the same room that it answers.
    reply_to: MessageId | None = None
    # What the account has uploaded to the room for it.
    file_ids: FileIds = ()


def index(services: Services, request: Request, room_id: int = LOBBY_ID) -> Response:
    reader = auth.find_reader(services, request)
    page = page_of(request)
    with services.core.database.asking() as connection:
        shown, found = services.message_cache.history(connection, room_id, reader, page)
        if not found.versions:
            rights.find_room(connection, room_id, reader)  # Empty, or not there?
    content, etag = shown
    about = {"ETag": etag, "Content-Type": JSON_TYPE, "Content-Length": str(len(content))}
    response = Response(content, headers=about | kept_fields(reader, [room_group(room_id)]))
    if found.has_more:
        response.headers["Link"] = _next_page(request.path, page, found)
    return known(request, response)


def show(services: Services, request: Request, message_id: int) -> Response:
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, reader)
    return kept_json(request, message, reader, [room_group(message.room_id)])


def create(services: Services, request: Request, room_id: int = LOBBY_ID) -> Response:
    user = auth.require_user(services, request)
    key = idempotency.key_of(request)
    body = request.json_body(NewMessage)
    with_task = waiting.wants_task(request)
    posted = services.actions.messages.post(
        user,
        room_id,
        body.source,
        key=key,
        with_task=with_task,
        reply_to=body.reply_to,
        file_ids=body.file_ids,
    )
    return waiting.answer(services, request, _pending(posted), status=201)


def change(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    body = request.json_body(ChangedMessage)
    with_task = waiting.wants_task(request)
    posted = services.actions.messages.edit(user, message_id, body.source, with_task=with_task)
    return waiting.answer(services, request, _pending(posted), status=204)


def delete(services: Services, request: Request, message_id: int) -> Response:
    services.actions.messages.remove(auth.require_user(services, request), message_id)
    return no_content()


def restore(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    return json_response(services.actions.messages.restore(user, message_id))


def page_of(request: Request) -> Page:
    """Return which part of the history the query asks for. Raises 400."""
    if not request.environ.get("QUERY_STRING"):
        return NEWEST
    limit = request.integer_argument("limit", 1)
    return Page(
        limit=min(limit or DEFAULT_LIMIT, MAX_LIMIT),
        before=request.integer_argument("before", 0),
        after=request.integer_argument("after", 0),
        updated_since=request.time_argument("updated_since"),
        user_id=request.integer_argument("user_id", 1),
    )


def _pending(posted: Posted) -> Pending[Message]:
    message = posted.message
    return Pending(
        message, message.links.self, _is_rendered, messages.reload_message, posted.task_id
    )


def _is_rendered(message: Message) -> bool:
    return message.rendered


def _next_page(path: str, page: Page, found: Found) -> str:
    """Return the Link to the page that follows this one in its direction."""
    is_forward = page.after is not None
    end = {"after": found.versions[-1][0], "before": page.before}
    cursor = end if is_forward else {"before": found.versions[0][0]}
    filters = {"updated_since": page.updated_since, "user_id": page.user_id}
    return link_header(path, {**cursor, "limit": page.limit, **filters}, "next")
