"""Direct messages: a room for each set of people, which never changes."""

from collections.abc import Collection

from sqlalchemy import Connection, func, insert, select

from ngw2f.sentences import Sentence
from ngw2f.store.order import take_turn
from ngw2f.store.rooms import QuotaExceededError
from ngw2f.store.schema import memberships, rooms


def find_direct(connection: Connection, user_ids: Collection[int]) -> int | None:
    """Return the id of the room of exactly these people, None if they have none yet."""
    return connection.scalar(select(rooms.c.id).where(rooms.c.direct_key == _key(user_ids)))


def create_direct(
    connection: Connection, opener_id: int, user_ids: Collection[int], *, most: int
) -> int:
    """Store the room of these people and return its id; they have none yet.

    The caller has the turn, so nobody else stores it. Raises QuotaExceededError if the opener has
    opened *most* already.
    """
    now = take_turn(connection).now
    is_own = rooms.c.creator_id == opener_id, rooms.c.direct_key.is_not(None)
    if connection.execute(select(func.count()).where(*is_own)).scalar_one() >= most:
        raise QuotaExceededError(
            Sentence(
                "you have opened as many direct messages as an account may: %(most)d", most=most
            )
        )
    values = {
        "name": "",
        "name_key": "",
        "private": True,
        "creator_id": opener_id,
        "created_at": now,
        "updated_at": now,
        "direct_key": _key(user_ids),
    }
    room_id = connection.execute(insert(rooms).returning(rooms.c.id), values).scalar_one()
    rows = [{"room_id": room_id, "user_id": each, "created_at": now} for each in sorted(user_ids)]
    connection.execute(insert(memberships), rows)
    return int(room_id)


def _key(user_ids: Collection[int]) -> str:
    return " ".join(map(str, sorted(set(user_ids))))
