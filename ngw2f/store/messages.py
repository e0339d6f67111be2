"""Messages: queries by name. Pages are cut by id, which grows with every post."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ngw2f.api_resources import Message, Preview
from ngw2f.observe.tracing import request_id
from ngw2f.store import render_queue as turns
from ngw2f.store.among import among, between, span_of
from ngw2f.store.files import expire_files, files_of
from ngw2f.store.message_links import detach_links
from ngw2f.store.message_pages import ROW, Page, list_rows
from ngw2f.store.message_parts import whole_messages
from ngw2f.store.order import after_newest, take_turn
from ngw2f.store.prepared import Prepared, Row
from ngw2f.store.reactions import reactions_of
from ngw2f.store.rooms import is_visible, reader_parameters
from ngw2f.store.schema import messages, rooms
from ngw2f.store.users import UserRow

NEXT_VERSION = {"version": messages.c.version + 1}
# Clients that read a room by `updated_since` have seen times up to the newest of the room.
NEXT_TIME = after_newest(messages.c.updated_at, messages.c.room_id == bindparam("in_room"))
GIVEN = ("room_id", "user_id", "source", "html", "rendered", "version", "request_id", "reply_to")
ADD = Prepared(
    insert(messages)
    .values({name: bindparam(name) for name in GIVEN})
    .values(created_at=NEXT_TIME, updated_at=NEXT_TIME)
    .returning(messages.c.id, messages.c.created_at)
)
NEXT_TIME_OF_ROOM = Prepared(select(NEXT_TIME))
LOAD = Prepared(select(*ROW).where(among(messages.c.id, "ids")).order_by(messages.c.id))
LOAD_BETWEEN = Prepared(select(*ROW).where(between(messages.c.id)).order_by(messages.c.id))
_THIS = messages.c.id == bindparam("message_id")
RELOAD = Prepared(select(*ROW).where(_THIS))
FIND = {
    to_user: Prepared(
        select(*ROW).join_from(messages, rooms).where(_THIS, is_visible(to_user=to_user))
    )
    for to_user in (False, True)
}
REQUEST_ID = Prepared(select(messages.c.id, messages.c.request_id).where(_THIS))
UNRENDERED = Prepared(select(*ROW).where(_THIS))
VERSION = Prepared(select(messages.c.version).where(_THIS))
LOCK = Prepared(select(messages.c.room_id).where(_THIS).with_for_update(key_share=True))
TOUCH = Prepared(update(messages).where(_THIS).values(updated_at=bindparam("now"), **NEXT_VERSION))
SET_RENDERED = Prepared(
    update(messages)
    .where(_THIS)
    .values(html=bindparam("new_html"), rendered=True, updated_at=bindparam("now"), **NEXT_VERSION)
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to store; its HTML is shown until it is rendered."""

    room_id: int
    user_id: int
    source: str
    html: str
    reply_to: int | None = None
    request_id: str = field(default_factory=request_id.get)

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def load_messages(
    connection: Connection, message_ids: Collection[int], known: Sequence[Row] | None = None
) -> list[tuple[int, Message]]:
    """Return version and message of those that still exist, ordered by id.

    *known*: their rows, if they are read, in this order, and maybe others'.
    """
    if known is not None:
        wanted = set(message_ids)
        rows = [row for row in known if row[1] in wanted]
    else:
        rows = _load_rows(connection, message_ids) if message_ids else []
    loaded = whole_messages(connection, rows)
    return [(row[0], message) for row, message in zip(rows, loaded, strict=True)]


def _load_rows(connection: Connection, message_ids: Collection[int]) -> list[Row]:
    near = span_of(connection, message_ids, 2 * len(message_ids))
    if near is None:
        return LOAD.fetch(connection, {"ids": list(message_ids)})
    wanted = set(message_ids)
    return [row for row in LOAD_BETWEEN.fetch(connection, near) if row[1] in wanted]


def list_messages(
    connection: Connection, room_id: int, reader: UserRow | None, page: Page
) -> tuple[list[Message], bool]:
    """Return the messages of a page, oldest first, and whether there are more."""
    rows, has_more = list_rows(connection, room_id, reader, page)
    return whole_messages(connection, rows), has_more


def find_message(connection: Connection, message_id: int, reader: UserRow | None) -> Message | None:
    given = {"message_id": message_id, **reader_parameters(reader)}
    rows = FIND[reader is not None].fetch(connection, given)
    return _whole(connection, rows)


def reload_message(connection: Connection, message: Message) -> Message | None:
    """Return the message as it is now; None if it was deleted."""
    rows = RELOAD.fetch(connection, {"message_id": message.id})
    return _whole(connection, rows)


def _whole(connection: Connection, rows: list[Row]) -> Message | None:
    return whole_messages(connection, rows)[0] if rows else None


def create_message(
    connection: Connection, room_id: int, user_id: int, source: str, html: str
) -> Message:
    """Store a message into the outbox, with the request's id."""
    return create_messages(connection, [Draft(room_id, user_id, source, html)])[0]


def create_messages(connection: Connection, drafts: Sequence[Draft]) -> list[Message]:
    """Store messages into the outbox, in this order."""
    now = take_turn(connection).now
    same = {"rendered": False, "version": 1, "now": now}
    values = [{**same, **each.values(), "in_room": each.room_id} for each in drafts]
    made = zip(drafts, ADD.fetch_each(connection, values), strict=True)
    return [_created(each, message_id, at) for each, (message_id, at) in made]


def _created(draft: Draft, message_id: int, at: float) -> Message:
    room_id, user_id, source, html = draft.room_id, draft.user_id, draft.source, draft.html
    return Message.of(
        message_id, room_id, user_id, source, html, False, at, at, reply_to=draft.reply_to
    )


def change_message(
    connection: Connection, message: Message, source: str, html: str
) -> Message | None:
    """Store a new source and put the message into the outbox again; None if it was deleted.

    It has no previews until it is rendered, when its links are found.
    """
    lock_messages(connection, [message.id])
    now = next_time(connection, {message.room_id})
    values = {
        "source": source,
        "html": html,
        "rendered": False,
        "updated_at": now,
        "edited_at": now,
        "attempts": 0,
        "request_id": request_id.get(),
    }
    statement = update(messages).where(messages.c.id == message.id)
    if not connection.execute(statement.values(values | NEXT_VERSION)).rowcount:
        return None
    detach_links(connection, message.id)
    changed = {"source": source, "html": html, "updated_at": now, "edited_at": now}
    return replace(message, rendered=False, previews=(), **changed)


def delete_message(connection: Connection, message_id: int) -> bool:
    """Delete a message for good, and its files a moment later. Return whether there was one."""
    if not connection.execute(delete(messages).where(messages.c.id == message_id)).rowcount:
        return False
    expire_files(connection, [message_id])
    return True


def list_unrendered(
    connection: Connection, limit: int, *, skip_locked: bool, exclude_ids: Collection[int] = ()
) -> list[tuple[int, Message]]:
    """Return messages of the outbox with their versions, locked if the database has row locks.

    First come each author's oldest messages, then each one's next, and so on, so that nobody waits
    for an author who posts much. A message whose rendering has failed comes last, and alone,
    because it may make others fail. The locks are held until the transaction ends.
    """
    ids = turns.next_ids(connection, limit, skip_locked=skip_locked, exclude_ids=exclude_ids)
    if not ids:
        return []
    rows = UNRENDERED.fetch_each(connection, [{"message_id": each} for each in ids])
    found = []
    reactions, files = reactions_of(connection, ids), files_of(connection, ids)
    for version, *row, reply_to in filter(None, rows):
        row[5] = False  # It is not rendered, and SQLite has no booleans of its own.
        beside = reactions.get(row[0], ()), files.get(row[0], ())
        message = Message.of(*row, reply_to=reply_to, reactions=beside[0], files=beside[1])
        found.append((version, message))
    return found


def request_ids_of(connection: Connection, message_ids: Collection[int]) -> dict[int, str]:
    """Return the id of the request that posted or last edited each message; "" if unknown."""
    rows = REQUEST_ID.fetch_each(connection, [{"message_id": each} for each in message_ids])
    return dict(row for row in rows if row)


def list_unchanged(connection: Connection, waiting: Collection[tuple[int, Message]]) -> set[int]:
    """Return the ids of those that have not changed since they were read."""
    rows = VERSION.fetch_each(connection, [{"message_id": message.id} for _, message in waiting])
    now = zip(waiting, rows, strict=True)
    return {message.id for (version, message), row in now if row and row[0] == version}


def set_rendered(
    connection: Connection, rendered: Sequence[tuple[Message, str, tuple[Preview, ...]]]
) -> list[Message]:
    """Store the HTML of messages; return them with it and with their previews.

    `list_unrendered` has locked them.
    """
    if not rendered:
        return []
    now = next_time(connection, {message.room_id for message, _, _ in rendered})
    rows = [{"message_id": each.id, "new_html": html, "now": now} for each, html, _ in rendered]
    SET_RENDERED.run_each(connection, rows)
    return [
        replace(message, html=html, rendered=True, updated_at=now, previews=previews)
        for message, html, previews in rendered
    ]


def touch_messages(connection: Connection, message_ids: Collection[int]) -> float:
    """Give messages a new version because what is beside them changed, not their source.

    Return the time of the change.
    """
    now = next_time(connection, lock_messages(connection, message_ids))
    TOUCH.run_each(connection, [{"message_id": each, "now": now} for each in message_ids])
    return now


def lock_messages(connection: Connection, message_ids: Collection[int]) -> set[int]:
    """Lock messages, before taking the turn; return their rooms."""
    rows = LOCK.fetch_each(connection, [{"message_id": each} for each in sorted(message_ids)])
    return {row[0] for row in rows if row}


def next_time(connection: Connection, room_ids: set[int]) -> float:
    """Return a time for a change that no reader of these rooms by time can miss."""
    now = take_turn(connection).now
    rows = NEXT_TIME_OF_ROOM.fetch_each(connection, [{"in_room": r, "now": now} for r in room_ids])
    return max((row[0] for row in rows), default=now)


def newest_id(connection: Connection) -> int:
    """Return the newest message's id, or 0 if there is none."""
    return connection.scalar(select(func.max(messages.c.id))) or 0
