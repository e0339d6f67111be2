"""Pages for people: HTML for a browser, readable text for curl and telnet.

Everything works with forms and redirects, without JavaScript.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.idempotency import digest_of
from ngw2f.api_resources import MAX_COUNTED, Message, Reading, Room
from ngw2f.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    KeyReused,
    TooMany,
    Unauthenticated,
)
from ngw2f.http import Request, Response, see_other, tagged
from ngw2f.live.entry import EntryId
from ngw2f.sentences import Sentence
from ngw2f.store import deleted, events, messages, readings, registration, rooms, users
from ngw2f.store.message_pages import Page
from ngw2f.store.quotes import Quote, find_quotes, quotes_of
from ngw2f.store.reactions import own_reactions
from ngw2f.store.rooms import LOBBY
from ngw2f.store.users import UserRow
from ngw2f.web import auth, idempotency
from ngw2f.web.caching import personal
from ngw2f.web.errors import copy_retry_after, http_error
from ngw2f.web.messages import page_of
from ngw2f.web.paging import cursor_of
from ngw2f.web.reactions import OFFERED
from ngw2f.web.services import Services
from ngw2f.web.sign_in import ask_for_cookies, sign_in_form
from ngw2f.web.templates import PAGE_FORMS

T = TypeVar("T")

# A page links to this many rooms, and to a list of all.
MAX_NEAR_ROOMS = 50

# After these a form comes back with what was typed into it.
REFUSALS = (Invalid, TooMany, Conflict)


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed into a form, and why it was refused, if it was."""

    text: str = ""
    error: DomainError | None = None
    # The message that it answers.
    reply_to: int | None = None
    # Whether it was to be a private room.
    private: bool = False
    # Whether files were chosen, which a browser does not do again by itself.
    has_files: bool = False

    @property
    def detail(self) -> str | Sentence:
        return self.error.sentence if self.error else ""

    def answered(self, response: Response) -> Response:
        """Return *response*, a page with the form, as the answer to what was typed."""
        if self.error:
            refusal = http_error(self.error)
            response.status_code = refusal.code or 400
            copy_retry_after(refusal, response)
        return response


EMPTY = Draft()


def home(services: Services, request: Request) -> Response:
    return show_room(services, request, LOBBY)


def show_room(
    services: Services, request: Request, name: str, room_id: int | None = None
) -> Response:
    try:
        reader = auth.find_reader(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    return tagged(request, _room_page(services, request, reader, name, room_id))


def _room_page(
    services: Services,
    request: Request,
    reader: UserRow | None,
    name: str,
    room_id: int | None,
    draft: Draft = EMPTY,
) -> Response:
    page = page_of(request)
    with services.core.database.reading() as connection:
        # Read the cursor first: whatever happens after it comes over the stream.
        cursor = EntryId(events.last_id(connection))
        room = rights.find_room_named(connection, name, reader, room_id)
        room = room.named_for(reader.id) if reader else room
        found, has_more = messages.list_messages(connection, room.id, reader, page)
        near = rooms.list_near_rooms(connection, room, reader, MAX_NEAR_ROOMS)
        read = _readings_of(connection, reader, near)
        values: dict[str, object] = {
            "room": room,
            "rooms": near,
            "readings": read,
            **_sums(read.values()),
            "messages": found,
            "nicknames": users.nicknames_of(connection, {message.user_id for message in found}),
            "quotes": quotes_of(connection, found),
            "mine": own_reactions(connection, [each.id for each in found], reader.id)
            if reader
            else {},
            "offered": OFFERED,
            "answered": _answered(connection, request, reader, room, draft),
            "reader": reader,
            "cursor": cursor,
            "on_its_way": Message.of(0, room.id, reader.id if reader else 0, "", "", False, 0, 0),
            **_ways_from(page, found, has_more=has_more),
            **_news(page, found, read.get(room.id), has_more=has_more),
            "base_url": request.host_url,
            "max_characters": services.core.settings.max_message_characters,
            "draft": draft,
            # For the form by which others join in.
            "registration": "open" if reader else registration.find_mode(connection),
            "restorable": _restorable(connection, request, reader),
        }
    return _in_a_form(services, request, values, draft)


def _in_a_form(
    services: Services, request: Request, values: dict[str, object], draft: Draft
) -> Response:
    """Return a room's page as HTML, or as text to whoever prefers that."""
    is_page = request.preferred("text", PAGE_FORMS) == "html" or bool(draft.error)
    name = "room.html" if is_page else "room.txt"
    response = draft.answered(personal(services.templates.page(request, name, values)))
    if is_page and values["reader"] is None:
        ask_for_cookies(request, response)
    return response


def _sums(read: Collection[Reading]) -> dict[str, object]:
    """Return what a page counts in its title, and beside the inbox."""
    return {
        # A muted room has no news, but for those whom it mentions.
        "unread": sum(each.mentions if each.muted else each.unread for each in read),
        "mentions": sum(each.mentions for each in read),
    }


def _ways_from(page: Page, found: Sequence[Message], *, has_more: bool) -> dict[str, object]:
    """Return whether a page has the newest messages, and the ids at which others go on."""
    is_live = page.before is None and page.after is None
    if page.after is None:
        has_older, has_newer = has_more, not is_live
    else:
        has_older, has_newer = page.after > 0, has_more
    return {
        "is_live": is_live,
        "is_read_on": page.after is not None,
        "older": found[0].id if found and has_older else None,
        "newer": found[-1].id if found and has_newer else None,
    }


def _restorable(connection: Connection, request: Request, reader: UserRow | None) -> int | None:
    """Return the message that the reader has just deleted by a form, and may restore."""
    message_id = request.integer_argument("deleted", 1)
    if reader is None or message_id is None:
        return None
    is_there = deleted.find_room_of(connection, message_id, reader.id) is not None
    return message_id if is_there else None


def _answered(
    connection: Connection, request: Request, reader: UserRow | None, room: Room, draft: Draft
) -> tuple[int, Quote] | None:
    """Return the message of the room that the form is to answer, if there is one."""
    message_id = draft.reply_to or request.integer_argument("reply_to", 1)
    if reader is None or message_id is None:
        return None
    quote = find_quotes(connection, {message_id: room.id}).get(message_id)
    return (message_id, quote) if quote else None


def _readings_of(
    connection: Connection, reader: UserRow | None, found: Sequence[Room]
) -> dict[int, Reading]:
    """Return what the reader has read of rooms, by their ids; nothing for an anonymous reader."""
    if reader is None:
        return {}
    return readings.list_readings(connection, reader.id, [room.id for room in found])


def _news(
    page: Page, found: Sequence[Message], reading: Reading | None, *, has_more: bool
) -> dict[str, object]:
    """Return how many messages of the room are new to the reader, and where they begin.

    `since` is the message with a line above it, if the first new one is on the page.
    """
    if reading is None or not found or not reading.unread:
        return {"unread_here": 0, "since": None, "way_to_new": ""}
    position = reading.last_read_id
    new = [message.id for message in found if message.id > position]
    since = new[0] if new else None
    if since == found[0].id:
        # It is the first new one unless there are new ones before it.
        is_all = len(new) == reading.unread < MAX_COUNTED and page.before is None
        begins_here = page.after <= position if page.after is not None else is_all or not has_more
        since = since if begins_here else None
    way = "#new" if since else f"?after={position}#new"
    return {"unread_here": reading.unread, "since": since, "way_to_new": way}


def list_rooms(services: Services, request: Request) -> Response:
    """Answer with a page of all rooms; a room's own page shows only some of them."""
    try:
        reader = auth.find_reader(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    return tagged(request, _rooms_page(services, request, reader))


def _rooms_page(
    services: Services, request: Request, reader: UserRow | None, draft: Draft = EMPTY
) -> Response:
    cursor, archived = cursor_of(request), bool(request.integer_argument("archived", 0, 1))
    with services.core.database.reading() as connection:
        last_id = events.last_id(connection)
        found = rooms.list_rooms(
            connection, reader, after=cursor.after, limit=cursor.wanted, archived=archived
        )
        shown = cursor.cut(found)
        read = _readings_of(connection, reader, shown)
    query = {"after": shown[-1].id if shown else 0, "limit": cursor.limit}
    query |= {"archived": 1} if archived else {}
    values: dict[str, object] = {
        "rooms": shown,
        "readings": read,
        "archived": archived,
        "next": f"/rooms?{urlencode(query)}" if len(found) > cursor.limit else None,
        "reader": reader,
        "base_url": request.host_url,
        "cursor": EntryId(last_id),
        "draft": draft,
    }
    is_page = request.preferred("text", PAGE_FORMS) == "html" or bool(draft.error)
    name = "rooms.html" if is_page else "rooms.txt"
    return draft.answered(personal(services.templates.page(request, name, values)))


def post_message(
    services: Services, request: Request, name: str, room_id: int | None = None
) -> Response:
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        room = rights.find_room_named(connection, name, user, room_id)
    source, reply_to = request.form_field("source"), request.id_field("reply_to")
    try:
        if request.form_field("file"):
            raise Invalid('to send files, press "Send with files"')
        _once(
            request,
            source,
            lambda key: services.actions.messages.post(
                user, room.id, source, key=key, reply_to=reply_to
            ),
        )
    except REFUSALS as error:
        draft = Draft(source, error, reply_to)
        return _room_page(services, request, user, name, room_id, draft)
    return see_other(room.links.page + "#end")


def show_refused(
    services: Services,
    request: Request,
    user: UserRow,
    name: str,
    room_id: int | None,
    draft: Draft,
) -> Response:
    """Answer with the room's page: its form keeps what was typed, and says why it was refused."""
    return _room_page(services, request, user, name, room_id, draft)


def create(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    is_private = bool(request.form_field("private"))
    name = request.form_field("name").strip()

    def make(key: str | None) -> Room:
        return services.actions.rooms.create(user, name, private=is_private, key=key)

    try:
        return see_other(_once(request, name, make).links.page)
    except (*REFUSALS, Forbidden) as error:
        if request.preferred("text") != "html":
            raise
        return _rooms_page(services, request, user, Draft(name, error, private=is_private))


def _once(request: Request, typed: str, do: Callable[[str | None], T]) -> T:
    """Do what a form asks for; once, however often it is sent with the same *typed* into it."""
    key = idempotency.key_of_form(request)
    try:
        return do(key)
    except KeyReused:
        if key is None:
            raise
        # Somebody went back to the page with this form, and typed something else.
        return do(digest_of(key, typed).hex())
