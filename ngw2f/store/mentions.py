"""Whom messages mention: found and stored by the worker that renders them, and read by the inbox.

So a post costs nothing more, and what is code, or a part of a link, mentions nobody. Everybody in a
room is one row, however many that are.
"""

from collections.abc import Collection, Mapping

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, insert, select

from ngw2f.api_resources import Message, Room
from ngw2f.store.among import among
from ngw2f.store.message_links import PRIVATE_ROOM
from ngw2f.store.prepared import Prepared
from ngw2f.store.readings import EVERYBODY
from ngw2f.store.rooms import find_room, is_visible, reader_parameters
from ngw2f.store.schema import memberships, mentions, messages, readings, rooms, users
from ngw2f.store.users import UserRow
from ngw2f.text.mentions import ROOM, find_names, mark_mentions

_BY_USER = mentions.c.user_id == bindparam("user_id")
_BEFORE = mentions.c.message_id < bindparam("before")
FIND_USER = Prepared(select(users.c.id).where(users.c.nickname_key == bindparam("key")))
IS_MEMBER = Prepared(
    select(memberships.c.user_id).where(
        memberships.c.room_id == bindparam("room_id"),
        memberships.c.user_id == bindparam("user_id"),
    )
)
ADD = Prepared(
    insert(mentions).values({column.name: bindparam(column.name) for column in mentions.c})
)
DROP = Prepared(delete(mentions).where(mentions.c.message_id == bindparam("of_message")))
_HERE = mentions.c.user_id == bindparam("user_id"), mentions.c.room_id == bindparam("room_id")
LOCK_MESSAGES = Prepared(
    select(messages.c.id)
    .join_from(messages, mentions)
    .where(*_HERE)
    .order_by(messages.c.id)
    .with_for_update(of=messages, key_share=True)
)
FORGET = Prepared(delete(mentions).where(*_HERE))
OF_MESSAGES = Prepared(
    select(mentions.c.message_id, mentions.c.user_id)
    .where(among(mentions.c.message_id, "ids"))
    .order_by(mentions.c.message_id, mentions.c.user_id)
)
# Who left a private room while a worker was rendering may yet be mentioned in it.
OF_USER = Prepared(
    select(mentions.c.message_id, mentions.c.room_id)
    .join_from(mentions, rooms, mentions.c.room_id == rooms.c.id)
    .where(_BY_USER, _BEFORE, is_visible(to_user=True))
    .order_by(mentions.c.message_id.desc())
    .limit(bindparam("most"))
)
OF_ROOM = Prepared(
    select(mentions.c.message_id, mentions.c.room_id)
    .where(_BY_USER, mentions.c.room_id == bindparam("room_id"), _BEFORE)
    .order_by(mentions.c.message_id.desc())
    .limit(bindparam("most"))
)
ROOMS_OF_USER = Prepared(
    select(readings.c.room_id)
    .join_from(readings, rooms)
    .where(readings.c.user_id == bindparam("user_id"), ~readings.c.muted, is_visible(to_user=True))
)
ROOMS_OF_MEMBER = Prepared(
    select(memberships.c.room_id)
    .outerjoin(
        readings,
        (readings.c.user_id == memberships.c.user_id)
        & (readings.c.room_id == memberships.c.room_id),
    )
    .where(memberships.c.user_id == bindparam("user_id"), readings.c.muted.is_not(True))
)


def mentions_of(connection: Connection, message_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Return whom messages mention; EVERYBODY is the first."""
    whom: dict[int, tuple[int, ...]] = {}
    for message_id, user_id in OF_MESSAGES.fetch(connection, {"ids": list(message_ids)}):
        whom[message_id] = (*whom.get(message_id, ()), user_id)
    return whom


def find_mentions(
    connection: Connection, rendered: Collection[tuple[Message, str]]
) -> list[tuple[Message, str]]:
    """Return rendered messages with whom they mention, and their HTML with the mentions marked.

    In a private room only its members may be mentioned.
    """
    names = {message.id: find_names(html) for message, html in rendered}
    found = _find_users(connection, {name for each in names.values() for name in each})
    private = _private_rooms(connection, [key for key, each in names.items() if each])
    mentioning = []
    for message, html in rendered:
        known = {name: found[name] for name in names[message.id] if name in found}
        if message.id in private:
            known = _only_members(connection, private[message.id], known)
        if ROOM in names[message.id]:
            known[ROOM] = EVERYBODY
        marked, whom = mark_mentions(html, known) if known else (html, set[int]())
        others = tuple(sorted(whom - {EVERYBODY, message.user_id}))
        known_to = replace(message, mentions=others, mentions_room=EVERYBODY in whom)
        mentioning.append((known_to, marked))
    return mentioning


def store_mentions(connection: Connection, found: Collection[Message]) -> None:
    """Store whom messages mention, in place of those before."""
    # A release before edits without saying so: it is for the table to say whom they mentioned.
    before = mentions_of(connection, [message.id for message in found])
    DROP.run_each(connection, [{"of_message": message_id} for message_id in before])
    for message in found:
        whom = [*message.mentions, *([EVERYBODY] if message.mentions_room else [])]
        same = {"message_id": message.id, "room_id": message.room_id}
        if whom:
            ADD.run_each(connection, [{"user_id": each, **same} for each in whom])


def forget_mentions(connection: Connection, user_id: int, room_id: int) -> None:
    """Delete the mentions of a user who leaves a private room."""
    # As every change of messages (ngw2f/store/order.py): a worker has its turn when it replaces
    # their mentions, and whoever deletes them has them before. Each would wait for the other.
    here = {"user_id": user_id, "room_id": room_id}
    LOCK_MESSAGES.fetch(connection, here)
    FORGET.run_each(connection, [here])


def list_mentions(
    connection: Connection, reader: UserRow, before: int, limit: int
) -> dict[int, Room]:
    """Return the newest messages before an id that mention the reader, each with its room.

    A mention of everybody counts only in a room that the reader is in and has not muted.
    """
    place = {"user_id": reader.id, "before": before, "most": limit}
    found = OF_USER.fetch(connection, {**place, **reader_parameters(reader)})
    known: dict[int, Room | None] = {}
    for room_id in _rooms_with_calls(connection, reader.id, before)[:limit]:
        known[room_id] = find_room(connection, room_id, reader)
        if known[room_id]:
            here = {**place, "user_id": EVERYBODY, "room_id": room_id}
            found += OF_ROOM.fetch(connection, here)
    shown: dict[int, Room] = {}
    for message_id, room_id in sorted(set(found), reverse=True):
        if room_id not in known:
            known[room_id] = find_room(connection, room_id, reader)
        room = known[room_id]
        if room:
            shown[message_id] = room
        if len(shown) == limit:
            break
    return shown


def _rooms_with_calls(connection: Connection, user_id: int, before: int) -> list[int]:
    """Return the rooms that a user is in where everybody is mentioned, the newest first."""
    own = {"user_id": user_id, "reader_id": user_id}
    rows = [*ROOMS_OF_USER.fetch(connection, own), *ROOMS_OF_MEMBER.fetch(connection, own)]
    asked = [
        {"user_id": EVERYBODY, "room_id": room_id, "before": before, "most": 1}
        for (room_id,) in dict.fromkeys(rows)
    ]
    newest = filter(None, OF_ROOM.fetch_each(connection, asked))
    return [room_id for _, room_id in sorted(newest, reverse=True)]


def _find_users(connection: Connection, names: Collection[str]) -> dict[str, int]:
    keys = [name for name in names if "\0" not in name]
    rows = FIND_USER.fetch_each(connection, [{"key": key} for key in keys])
    return {key: row[0] for key, row in zip(keys, rows, strict=True) if row}


def _private_rooms(connection: Connection, message_ids: Collection[int]) -> dict[int, int]:
    rows = PRIVATE_ROOM.fetch_each(connection, [{"message_id": each} for each in message_ids])
    return dict(row for row in rows if row)


def _only_members(connection: Connection, room_id: int, known: Mapping[str, int]) -> dict[str, int]:
    asked = [{"room_id": room_id, "user_id": user_id} for user_id in known.values()]
    rows = IS_MEMBER.fetch_each(connection, asked)
    return {name: user_id for (name, user_id), row in zip(known.items(), rows, strict=True) if row}
