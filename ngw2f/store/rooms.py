"""Rooms and their members.

Rooms are loaded for a reader: a private room does not exist for those who are not its members, so
a forgotten check gives a 404, not a leak.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
)
from sqlalchemy.exc import IntegrityError

from ngw2f.api_resources import Person, Room
from ngw2f.sentences import Sentence
from ngw2f.store.order import take_turn
from ngw2f.store.schema import (
    IS_PUBLIC,
    can_be_stored,
    memberships,
    mentions,
    messages,
    room_name_shapes,
    rooms,
    users,
)
from ngw2f.store.users import COLUMNS as USER_COLUMNS
from ngw2f.store.users import UserRow

LOBBY = "lobby"
# The first row of the table, which the migration that creates the table inserts.
LOBBY_ID = 1
# How many of a reader's mentions are searched for rooms.
LATEST_MENTIONS = 20
# How many messages of all rooms are searched for rooms where somebody has just spoken.
LATEST_MESSAGES = 500
COLUMNS = (
    rooms.c.id,
    rooms.c.name,
    rooms.c.private,
    rooms.c.created_at,
    rooms.c.updated_at,
    rooms.c.topic,
    rooms.c.archived_at,
    rooms.c.direct_key,
)
IS_OPEN = rooms.c.archived_at.is_(None)


class RoomExistsError(Exception):
    """A public room with this name, or one that looks the same, already exists."""


class QuotaExceededError(Exception):
    """A quota is used up; the message says which."""


@cache
def is_visible(*, to_user: bool) -> ColumnElement[bool]:
    """Return the condition that anybody, or the user `reader_id`, may see a row of `rooms`."""
    if not to_user:
        return IS_PUBLIC
    membership = exists().where(
        memberships.c.room_id == rooms.c.id, memberships.c.user_id == bindparam("reader_id")
    )
    return or_(IS_PUBLIC, membership)


def reader_parameters(reader: UserRow | None) -> dict[str, int]:
    """Return the values that a statement with `is_visible` needs."""
    return {} if reader is None else {"reader_id": reader.id}


def _built(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Room]:
    """Return the rooms of rows with COLUMNS."""
    people: dict[int, tuple[Person, ...]] = {}
    directs = [room_id for room_id, *_, direct_key in rows if direct_key]
    if directs:
        names = select(memberships.c.room_id, users.c.id, users.c.nickname)
        names = names.join_from(memberships, users).where(memberships.c.room_id.in_(directs))
        for room_id, *person in connection.execute(names.order_by(users.c.nickname_key)):
            people[room_id] = (*people.get(room_id, ()), Person(*person))
    return [
        Room.of(*row, archived=archived_at is not None, people=people.get(row[0], ()))
        for *row, archived_at, _ in rows
    ]


def _only(connection: Connection, statement: Select[Any], given: Mapping[str, Any]) -> Room | None:
    """Return the room that a statement finds."""
    row = connection.execute(statement, given).first()
    return _built(connection, [row])[0] if row else None


def list_rooms(
    connection: Connection,
    reader: UserRow | None,
    *,
    after: int = 0,
    limit: int = 50,
    archived: bool = False,
) -> list[Room]:
    """Return the rooms that the reader may see with ids above *after*, ordered by id."""
    follows = and_(rooms.c.id > after, ~IS_OPEN if archived else IS_OPEN)
    statement = select(*COLUMNS).where(IS_PUBLIC, follows).order_by(rooms.c.id).limit(limit)
    if reader is not None:
        # Each query has its index; a single one would search all private rooms.
        own = (
            select(*COLUMNS)
            .join_from(memberships, rooms)
            .where(memberships.c.user_id == bindparam("reader_id"), ~IS_PUBLIC, follows)
            .order_by(rooms.c.id)
            .limit(limit)
        )
        both = union_all(select(statement.subquery()), select(own.subquery()))
        statement = select(both.subquery()).order_by("id").limit(limit)
    return _built(connection, connection.execute(statement, reader_parameters(reader)).all())


def list_near_rooms(
    connection: Connection, room: Room, reader: UserRow | None, limit: int
) -> list[Room]:
    """Return a selection of rooms, ordered by name, for a reader of *room*.

    It is filled with that room and the lobby, then the reader's own rooms up to a half, those
    where somebody has mentioned the reader, then rooms where somebody has just spoken, then the
    newest.
    """
    ids = [room.id, LOBBY_ID]
    if reader is not None:
        joined = select(memberships.c.room_id).where(memberships.c.user_id == reader.id)
        newest_first = joined.order_by(memberships.c.created_at.desc()).limit(limit // 2)
        ids += connection.execute(newest_first).scalars()
        mentioned = select(mentions.c.room_id).where(mentions.c.user_id == reader.id)
        newest_first = mentioned.order_by(mentions.c.message_id.desc()).limit(LATEST_MENTIONS)
        ids += connection.execute(newest_first).scalars()
    latest = select(messages.c.room_id, messages.c.id).order_by(messages.c.id.desc())
    spoken = latest.limit(LATEST_MESSAGES).subquery()
    busy = (
        select(spoken.c.room_id)
        .join_from(spoken, rooms, spoken.c.room_id == rooms.c.id)
        .where(IS_PUBLIC, IS_OPEN)
        .group_by(spoken.c.room_id)
        .order_by(func.max(spoken.c.id).desc())
    )
    ids += connection.execute(busy.limit(limit)).scalars()
    newest = select(rooms.c.id).where(IS_PUBLIC, IS_OPEN).order_by(rooms.c.id.desc()).limit(limit)
    ids += connection.execute(newest).scalars()
    chosen = list(dict.fromkeys(ids))[:limit]
    statement = select(*COLUMNS).where(
        rooms.c.id.in_(chosen),
        is_visible(to_user=reader is not None),
        or_(IS_OPEN, rooms.c.id == room.id),
    )
    rows = connection.execute(
        statement.order_by(rooms.c.name_key, rooms.c.id), reader_parameters(reader)
    )
    return _built(connection, rows.all())


def created_at(connection: Connection, room_id: int) -> float | None:
    """Return when a room was created, None if there is none."""
    return connection.scalar(select(rooms.c.created_at).where(rooms.c.id == room_id))


def find_room(connection: Connection, room_id: int, reader: UserRow | None) -> Room | None:
    statement = _visible_room(to_user=reader is not None)
    return _only(connection, statement, {"room_id": room_id, **reader_parameters(reader)})


@cache
def _visible_room(*, to_user: bool) -> Select[Any]:
    """Return the query for a room, cached because building it costs as much as running it."""
    return select(*COLUMNS).where(rooms.c.id == bindparam("room_id"), is_visible(to_user=to_user))


def find_room_named(connection: Connection, name: str, reader: UserRow | None) -> Room | None:
    """Return the room that the reader has known by this name for longest.

    So a URL keeps its meaning if another room gets the same name later.
    """
    if not can_be_stored(name):
        return None
    if reader is None:
        return _only(connection, select(*COLUMNS).where(rooms.c.name == name, IS_PUBLIC), {})
    is_readers = and_(
        memberships.c.room_id == rooms.c.id, memberships.c.user_id == bindparam("reader_id")
    )
    known_since = case((IS_PUBLIC, rooms.c.created_at), else_=memberships.c.created_at)
    statement = (
        select(*COLUMNS)
        .join_from(rooms, memberships, is_readers, isouter=True)
        .where(rooms.c.name == name, known_since.is_not(None))
        .order_by(known_since, rooms.c.id)
        .limit(1)
    )
    return _only(connection, statement, reader_parameters(reader))


def create_room(
    connection: Connection,
    name: str,
    name_key: str,
    creator_id: int,
    *,
    private: bool,
    most: int | None = None,
    shapes: Collection[str] = (),
) -> Room:
    """Store a new room, with its creator as first member, who may create *most* rooms.

    Raises QuotaExceededError; RoomExistsError if it is public and another public room has its name
    or one of its *shapes*.
    """
    now = take_turn(connection).now
    is_own = and_(rooms.c.creator_id == creator_id, rooms.c.direct_key.is_(None))
    if most is not None and _count(connection, is_own) >= most:
        raise QuotaExceededError(
            Sentence("you have made as many rooms as an account may: %(most)d", most=most)
        )
    statement = insert(rooms).returning(rooms.c.id)
    values = {
        "name": name,
        "name_key": name_key,
        "private": private,
        "creator_id": creator_id,
        "created_at": now,
        "updated_at": now,
    }
    try:
        room_id = connection.execute(statement, values).scalar_one()
        if shapes and not private:
            rows = [{"shape": shape, "room_id": room_id} for shape in shapes]
            connection.execute(insert(room_name_shapes), rows)
    except IntegrityError as error:
        raise RoomExistsError(name) from error
    room = Room.of(room_id, name, private, now, now)
    add_member(connection, room.id, creator_id)
    return room


def list_members(
    connection: Connection, room_id: int, *, after: int = 0, limit: int = 50
) -> list[UserRow]:
    """Return the members of a room with ids above *after*, ordered by id."""
    statement = (
        select(*USER_COLUMNS)
        .join_from(memberships, users)
        .where(memberships.c.room_id == room_id, memberships.c.user_id > after)
        .order_by(memberships.c.user_id)
        .limit(limit)
    )
    return [UserRow(*row) for row in connection.execute(statement)]


def member_ids(connection: Connection, room_id: int) -> set[int]:
    statement = select(memberships.c.user_id).where(memberships.c.room_id == room_id)
    return set(connection.execute(statement).scalars())


def is_member(connection: Connection, room_id: int, user_id: int) -> bool:
    statement = select(memberships.c.user_id).where(
        memberships.c.room_id == room_id, memberships.c.user_id == user_id
    )
    return connection.execute(statement).first() is not None


def add_member(connection: Connection, room_id: int, user_id: int) -> None:
    """Store a membership; several transactions may do so at the same time."""
    if is_member(connection, room_id, user_id):
        return
    # Take the turn before the insert, which locks the user's row.
    values = {"room_id": room_id, "user_id": user_id, "created_at": take_turn(connection).now}
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(insert(memberships).values(values))


def admit_member(
    connection: Connection, room_id: int, user_id: int, *, most_rooms: int, most_members: int
) -> None:
    """Store a membership of a user who may have *most_rooms*. Raises QuotaExceededError."""
    # Held until the commit, so that no other transaction counts meanwhile.
    take_turn(connection)
    if is_member(connection, room_id, user_id):
        return
    # Direct messages, which others open, take nobody's place in a room.
    is_in_room = and_(
        memberships.c.user_id == user_id,
        rooms.c.id == memberships.c.room_id,
        rooms.c.direct_key.is_(None),
    )
    if _count(connection, is_in_room) >= most_rooms:
        raise QuotaExceededError(
            Sentence("the user is in as many rooms as one may be: %(most)d", most=most_rooms)
        )
    if _count(connection, memberships.c.room_id == room_id) >= most_members:
        raise QuotaExceededError(
            Sentence("the room has as many members as it may have: %(most)d", most=most_members)
        )
    add_member(connection, room_id, user_id)


def remove_member(connection: Connection, room_id: int, user_id: int) -> None:
    statement = delete(memberships).where(
        memberships.c.room_id == room_id, memberships.c.user_id == user_id
    )
    connection.execute(statement)


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(condition)).scalar_one()


def private_room_ids(connection: Connection, member_id: int | None = None) -> set[int]:
    """Return the ids of all private rooms, or of those that a user is a member of."""
    statement = select(rooms.c.id).where(rooms.c.private)
    if member_id is not None:
        statement = statement.join(memberships).where(memberships.c.user_id == member_id)
    return set(connection.execute(statement).scalars())


def rooms_of(connection: Connection, room_ids: Collection[int]) -> dict[int, Room]:
    """Return rooms by id without any check, for output that only their readers get."""
    if not room_ids:
        return {}
    rows = connection.execute(select(*COLUMNS).where(rooms.c.id.in_(room_ids))).all()
    return {room.id: room for room in _built(connection, rows)}


def name_of(connection: Connection, room_id: int) -> str:
    """Return a room's name without any check, for output that only its readers get."""
    room = rooms_of(connection, [room_id]).get(room_id)
    return room.name_for(None) if room else "?"
