"""Changes of a room: its name, its topic, whether it is archived; and whose it is."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ngw2f.api_resources import Room
from ngw2f.store.order import take_turn
from ngw2f.store.prepared import Prepared
from ngw2f.store.rooms import RoomExistsError
from ngw2f.store.schema import IS_PUBLIC, memberships, room_name_shapes, rooms, users

IS_ARCHIVED = Prepared(
    select(rooms.c.id).where(rooms.c.id == bindparam("room_id"), rooms.c.archived_at.is_not(None))
)
_MEMBERSHIP = exists().where(
    memberships.c.room_id == rooms.c.id, memberships.c.user_id == users.c.id
)
# Whether a user may write in a room, and why not.
STANDING = Prepared(
    select(
        rooms.c.archived_at.is_not(None),
        or_(IS_PUBLIC, _MEMBERSHIP),
        users.c.suspended_at.is_(None),
    ).where(rooms.c.id == bindparam("room_id"), users.c.id == bindparam("user_id"))
)
# Whoever made it, and without them whoever has been in it for longest.
OWNER = (
    select(memberships.c.user_id)
    .join_from(memberships, rooms)
    .where(memberships.c.room_id == bindparam("room_id"))
    .order_by(
        case((memberships.c.user_id == rooms.c.creator_id, 0), else_=1),
        memberships.c.created_at,
        memberships.c.user_id,
    )
    .limit(1)
)


def find_owner(connection: Connection, room_id: int) -> int | None:
    """Return the member whose room it is; None for a room without members."""
    return connection.execute(OWNER, {"room_id": room_id}).scalar()


def archived_among(connection: Connection, room_ids: Collection[int]) -> set[int]:
    """Return those rooms that are archived."""
    rows = IS_ARCHIVED.fetch_each(connection, [{"room_id": each} for each in room_ids])
    return {row[0] for row in rows if row}


class Standing(NamedTuple):
    """Whether a room is archived, its user sees it, and may use the account."""

    is_archived: bool
    is_visible: bool
    is_active: bool


def standings_of(
    connection: Connection, asked: Collection[tuple[int, int]]
) -> list[Standing | None]:
    """Return how users stand in rooms, for ids of both; None where one of the two is missing."""
    given = [{"room_id": room_id, "user_id": user_id} for room_id, user_id in asked]
    rows = STANDING.fetch_each(connection, given)
    return [Standing(*map(bool, row)) if row else None for row in rows]


def change_room(
    connection: Connection,
    room: Room,
    *,
    topic: str | None = None,
    is_archived: bool | None = None,
) -> None:
    """Set what is not None."""
    now = take_turn(connection).now
    values: dict[str, Any] = {"updated_at": now}
    if topic is not None:
        values["topic"] = topic
    if is_archived is not None and is_archived != room.archived:
        values["archived_at"] = now if is_archived else None
    connection.execute(update(rooms).where(rooms.c.id == room.id).values(values))


def rename_room(
    connection: Connection, room: Room, name: str, name_key: str, shapes: Collection[str]
) -> None:
    """Give a room another name, and a public one its *shapes*. Raises RoomExistsError."""
    # Before others can, for the same name.
    take_turn(connection)
    is_shape_of_room = room_name_shapes.c.room_id == room.id
    try:
        renamed = update(rooms).where(rooms.c.id == room.id).values(name=name, name_key=name_key)
        connection.execute(renamed)
        connection.execute(delete(room_name_shapes).where(is_shape_of_room))
        if shapes and not room.private:
            rows = [{"shape": shape, "room_id": room.id} for shape in shapes]
            connection.execute(insert(room_name_shapes), rows)
    except IntegrityError as error:
        raise RoomExistsError(name) from error
