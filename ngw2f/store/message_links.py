"""Which links a message has: attached when it is rendered, and detached when it is edited."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ngw2f.api_resources import Preview
from ngw2f.store.prepared import Prepared
from ngw2f.store.previews import SHOWN, shown_of
from ngw2f.store.schema import message_previews, messages, previews, rooms
from ngw2f.store.unless_there import insert_unless_there

# The room of a message if it is a private one.
PRIVATE_ROOM = Prepared(
    select(messages.c.id, messages.c.room_id)
    .join_from(messages, rooms)
    .where(messages.c.id == bindparam("message_id"), rooms.c.private)
)
_GIVEN = ("url", "private_room_id", "site", "due_at")
FIND_ID = Prepared(
    select(previews.c.id).where(
        previews.c.url == bindparam("url"), previews.c.private_room_id == bindparam("room_id")
    )
)
# See `_lock_previews`.
LOCK = Prepared(
    select(previews.c.id, previews.c.private_room_id, previews.c.due_at, previews.c.expires_at)
    .add_columns(*SHOWN)
    .where(previews.c.id == bindparam("preview_id"))
    .with_for_update(read=True)
)
ATTACH = Prepared(
    insert(message_previews).values(
        {column.name: bindparam(column.name) for column in message_previews.c}
    )
)


class _Known(NamedTuple):
    """A stored preview: what it shows, and when it is fetched."""

    # The columns SHOWN.
    shown: Sequence[Any]
    id: int
    private_room_id: int
    due_at: float | None
    expires_at: float


def attach_links(
    connection: Connection, links: Mapping[int, Collection[str]], now: float
) -> tuple[dict[int, tuple[Preview, ...]], bool]:
    """Store the links of messages that had none; return the previews that are known already.

    Also return whether some must be fetched: links that are new to these readers, and links whose
    content has expired.
    """
    if not any(links.values()):
        return {}, False
    found = PRIVATE_ROOM.fetch_each(connection, [{"message_id": each} for each in links])
    private_rooms: dict[int, int] = dict(row for row in found if row)
    keys = {
        message_id: [(url, private_rooms.get(message_id, 0)) for url in urls]
        for message_id, urls in links.items()
    }
    wanted = sorted({key for of_message in keys.values() for key in of_message})
    known = _lock_previews(connection, wanted)
    missing = [key for key in wanted if key not in known]
    if missing:
        rows = [
            {"url": url, "private_room_id": room, "site": urlsplit(url).netloc, "due_at": now}
            for url, room in missing
        ]
        _add(connection.dialect.name).run_each(connection, rows)
        known |= _lock_previews(connection, missing)
    stale = [row.id for row in known.values() if row.due_at is None and row.expires_at <= now]
    if stale:
        statement = update(previews).where(previews.c.id.in_(stale))
        connection.execute(statement.values(due_at=now))
    attached = [
        {"message_id": message_id, "position": position, "preview_id": known[key].id}
        for message_id, of_message in keys.items()
        for position, key in enumerate(of_message)
    ]
    ATTACH.run_each(connection, attached)
    shown = {
        message_id: shown_of(known[key].shown for key in of_message)
        for message_id, of_message in keys.items()
    }
    is_due = bool(stale) or any(row.due_at is not None for row in known.values())
    return shown, is_due


@cache
def _add(dialect: str) -> Prepared:
    """Return the statement that adds previews which are not there."""
    statement = insert_unless_there(dialect, previews, "url", "private_room_id")
    return Prepared(statement.values({name: bindparam(name) for name in _GIVEN}))


def _lock_previews(
    connection: Connection, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, int], _Known]:
    """Return the stored previews, by URL and private room, locked until the transaction ends.

    Without the lock, a preview could be fetched between our query and our commit, and neither side
    would publish an event for it. SQLite has one writer at a time anyway. They are locked in the
    order of their ids, as everywhere.
    """
    wanted = [{"url": url, "room_id": room_id} for url, room_id in keys]
    ids = sorted(row[0] for row in FIND_ID.fetch_each(connection, wanted) if row)
    rows = LOCK.fetch_each(connection, [{"preview_id": each} for each in ids])
    # Those that were deleted meanwhile are none.
    known = [_Known(row[4:], *row[:4]) for row in rows if row]
    return {(each.shown[0], each.private_room_id): each for each in known}


def detach_links(connection: Connection, message_id: int) -> None:
    connection.execute(delete(message_previews).where(message_previews.c.message_id == message_id))
