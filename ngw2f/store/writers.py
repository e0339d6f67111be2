"""Who wrote how much lately, in the rooms that a reader may see."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from ngw2f.store.rooms import is_visible, reader_parameters
from ngw2f.store.schema import messages, rooms
from ngw2f.store.users import UserRow

# Of all rooms; so it costs the same, however many messages there are.
NEWEST = 5_000


class Written(NamedTuple):
    room_id: int
    user_id: int
    messages: int


def count_written(connection: Connection, reader: UserRow | None) -> list[Written]:
    """Return who wrote how many of the newest messages in which room, the most first."""
    newest = (
        select(messages.c.room_id, messages.c.user_id)
        .order_by(messages.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    statement = (
        select(newest.c.room_id, newest.c.user_id, func.count())
        .join_from(newest, rooms, newest.c.room_id == rooms.c.id)
        .where(is_visible(to_user=reader is not None))
        .group_by(newest.c.room_id, newest.c.user_id)
        .order_by(func.count().desc(), newest.c.room_id, newest.c.user_id)
    )
    rows = connection.execute(statement, reader_parameters(reader))
    return [Written(*row) for row in rows]
