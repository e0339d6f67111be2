"""Messages of a room: the history, post, edit, delete."""

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from ngw2f.http import (
    JSON_TYPE,
    Request,
    Response,
    known,
    link_header,
    no_content,
    problem,
)
from ngw2f.live.groups import room_group
from ngw2f.live.payloads import DeletedMessage
from ngw2f.resources import Message, Room
from ngw2f.store import messages, tasks
from ngw2f.store.keys import KeyUsedError, Use, keep_key
from ngw2f.store.messages import Found, Page
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.users import UserRow
from ngw2f.text.plain import InvalidTextError, check_source, plain_html
from ngw2f.web import auth, idempotency, waiting
from ngw2f.web.caching import kept, kept_json
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT
from ngw2f.web.rooms import load as load_room
from ngw2f.web.services import Services
from ngw2f.web.waiting import Pending

NEWEST = Page(limit=DEFAULT_LIMIT)


class NewMessage(msgspec.Struct):
    source: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that is stored, and the task that was asked for with it."""

    message: Message
    task_id: str | None


def index(services: Services, request: Request, room_id: int = LOBBY_ID) -> Response:
    reader = auth.find_reader(services, request)
    page = page_of(request)
    with services.core.database.asking() as connection:
        found = messages.list_versions(connection, room_id, reader, page)
        if not found.versions:
            load_room(connection, room_id, reader)  # Is it empty, or not there?
        content, etag = services.fragments.page(connection, found.versions)
    response = Response(content, headers={"ETag": etag}, content_type=JSON_TYPE)
    kept(response, reader, [room_group(room_id)])
    if found.has_more:
        response.headers["Link"] = _next_page(request.path, page, found)
    return known(request, response)


def show(services: Services, request: Request, message_id: int) -> Response:
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        message = load(connection, message_id, reader)
    return kept_json(request, message, reader, [room_group(message.room_id)])


def create(services: Services, request: Request, room_id: int = LOBBY_ID) -> Response:
    user = auth.require_user(services, request)
    key = idempotency.key_of(request)
    body = request.json_body(NewMessage)
    with services.core.database.reading() as connection:
        room = load_room(connection, room_id, user)
    with_task = waiting.wants_task(request)
    posted = post(services, room, user, body.source, key=key, with_task=with_task)
    return waiting.answer(services, request, _pending(posted), status=201)


def change(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    body = request.json_body(NewMessage)
    with_task = waiting.wants_task(request)
    posted = edit(services, message_id, user, body.source, with_task=with_task)
    return waiting.answer(services, request, _pending(posted), status=204)


def delete(services: Services, request: Request, message_id: int) -> Response:
    remove(services, message_id, auth.require_user(services, request))
    return no_content()


def post(
    services: Services,
    room: Room,
    user: UserRow,
    source: str,
    *,
    key: str | None = None,
    with_task: bool = False,
) -> Posted:
    """Store a message, tell of it, and have it rendered; once, however often *key* is sent.

    Raises 400, 410, 422, 429.
    """
    services.limits.take("post", user.id)
    source = _check(services, source)
    asked = idempotency.digest_of("message", room.id, source) if key else b""
    try:
        with services.core.database.writing() as connection:
            html = plain_html(source)
            message = messages.create_message(connection, room.id, user.id, source, html)
            if key:
                keep_key(connection, user.id, key, Use(asked, message.id))
            task_id = _create_task(connection, message) if with_task else None
            run = services.core.events.record(connection, "message.created", message)
    except KeyUsedError as error:
        return _posted_before(services, user, str(error), asked, with_task=with_task)
    services.core.events.publish(run)
    services.bell.ring()
    return Posted(message, task_id)


def post_live(
    services: Services, room: Room, user: UserRow, source: str, client_id: object = None
) -> Message:
    """Post what came over a connection that stays. Raises 400, 410, 422, 429."""
    key = idempotency.key_of_client(client_id)
    return post(services, room, user, source, key=key).message


def edit(
    services: Services, message_id: int, user: UserRow, source: str, *, with_task: bool = False
) -> Posted:
    """Store another source for a message of the user's own. Raises 400, 403, 404, 429."""
    services.limits.take("edit", user.id)
    source = _check(services, source)
    with services.core.database.writing() as connection:
        message = load_own(connection, message_id, user)
        changed = messages.change_message(connection, message, source, plain_html(source))
        if changed is None:
            raise problem(404, "there is no such message")
        task_id = _create_task(connection, message) if with_task else None
        run = services.core.events.record(connection, "message.updated", changed)
    services.core.events.publish(run)
    services.bell.ring()
    return Posted(changed, task_id)


def remove(services: Services, message_id: int, user: UserRow) -> Message:
    """Delete a message of the user's own and return what it was. Raises 403, 404, 429."""
    services.limits.take("delete", user.id)
    with services.core.database.writing() as connection:
        message = load_own(connection, message_id, user)
        messages.delete_message(connection, message_id)
        deleted = DeletedMessage(message.id, message.room_id, message.user_id)
        run = services.core.events.record(connection, "message.deleted", deleted)
    services.core.events.publish(run)
    return message


def load(connection: Connection, message_id: int, reader: UserRow | None) -> Message:
    """Return a message that the reader may see. Raises 404."""
    message = messages.find_message(connection, message_id, reader)
    if message is None:
        raise problem(404, "there is no such message")
    return message


def load_own(connection: Connection, message_id: int, user: UserRow) -> Message:
    """Return a message that the user wrote. Raises 403, 404."""
    message = load(connection, message_id, user)
    if message.user_id != user.id:
        raise problem(403, "only the author may do this")
    return message


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


def _posted_before(
    services: Services, user: UserRow, key: str, asked: bytes, *, with_task: bool
) -> Posted:
    """Return what the key was used for, as it is now. Raises 410, 422."""
    with services.core.database.reading() as connection:
        message_id = idempotency.find_made(connection, user, key, asked)
        message = messages.find_message(connection, message_id or 0, user)
    if message is None:
        raise problem(410, "this message was posted, and is deleted since")
    task_id = None
    if with_task and not message.rendered:
        with services.core.database.writing() as connection:
            task_id = tasks.find_task_of(connection, message.id) or _create_task(
                connection, message
            )
    # Whoever stored it may have been killed before it did this.
    services.core.clock.drop([room_group(message.room_id)])
    services.bell.ring()
    return Posted(message, task_id)


def _create_task(connection: Connection, message: Message) -> str:
    return tasks.create_task(connection, message.links.self, message.id)


def _pending(posted: Posted) -> Pending[Message]:
    message = posted.message
    return Pending(
        message, message.links.self, _is_rendered, messages.reload_message, posted.task_id
    )


def _is_rendered(message: Message) -> bool:
    return message.rendered


def _check(services: Services, source: str) -> str:
    try:
        return check_source(source, services.core.settings.max_message_characters)
    except InvalidTextError as error:
        raise problem(400, str(error)) from error


def _next_page(path: str, page: Page, found: Found) -> str:
    """Return the Link to the page that goes on where this one ends, in its direction."""
    is_forward = page.after is not None
    end = {"after": found.versions[-1][0], "before": page.before}
    cursor = end if is_forward else {"before": found.versions[0][0]}
    filters = {"updated_since": page.updated_since, "user_id": page.user_id}
    return link_header(path, {**cursor, "limit": page.limit, **filters}, "next")
