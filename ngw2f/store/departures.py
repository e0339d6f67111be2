"""What happens to the rows of an account that its user deletes.

What the user wrote stays, as by a deleted account: without it, what others answered would make no
sense. All that says who it was goes. The nickname is free, and nothing is left under it, so its
next owner is not taken for this one.
"""

from sqlalchemy import Connection, Table, delete, exists, select, update

from ngw2f.store.files import expire_files
from ngw2f.store.order import take_turn
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.schema import (
    IS_PUBLIC,
    deleted_messages,
    devices,
    files,
    idempotency_keys,
    invitations,
    memberships,
    mentions,
    messages,
    nickname_shapes,
    readings,
    rooms,
    tokens,
    users,
)
from ngw2f.store.users import NEXT_TIME, UserRow, find_user

# Under which its messages are shown; nobody may take it (ngw2f/actions/accounts.py).
DELETED_NICKNAME = "deleted account"
# No nickname has this character, so no such key is that of a nickname.
KEY = "\x7f{}"


def delete_account(connection: Connection, user_id: int) -> UserRow:
    """Take from an account, whose row is locked, all but its messages; return what is left."""
    set_aside = select(deleted_messages.c.id).where(deleted_messages.c.user_id == user_id)
    expire_files(connection, set_aside)
    _delete_rows(connection, user_id, tokens, devices, deleted_messages, invitations)
    # Messages are locked before the turn (ngw2f/store/order.py).
    mentioning = select(messages.c.id).join_from(messages, mentions)
    connection.execute(
        mentioning.where(mentions.c.user_id == user_id)
        .order_by(messages.c.id)
        .with_for_update(of=messages, key_share=True)
    )
    connection.execute(delete(mentions).where(mentions.c.user_id == user_id))
    now = take_turn(connection).now
    # Whoever writes these has the turn: each would wait for the other.
    _delete_rows(connection, user_id, readings, idempotency_keys, nickname_shapes)
    # Whoever admits members has the turn, too, so none is missed.
    _leave_rooms(connection, user_id, now)
    values = {
        "nickname": DELETED_NICKNAME,
        "nickname_key": KEY.format(user_id),
        "password_hash": "",
        "theme": "",
        "language": "",
        "admin": False,
        "last_seen_at": 0.0,
        "deleted_at": now,
        "updated_at": NEXT_TIME,
    }
    connection.execute(update(users).where(users.c.id == user_id).values(values), {"now": now})
    left = find_user(connection, user_id)
    if left is None:
        raise LookupError(user_id)
    return left


def _delete_rows(connection: Connection, user_id: int, *tables: Table) -> None:
    for table in tables:
        connection.execute(delete(table).where(table.c.user_id == user_id))


def _leave_rooms(connection: Connection, user_id: int, now: float) -> None:
    """End the user's memberships; private rooms that nobody else is in go with their messages."""
    own = select(memberships.c.room_id).where(memberships.c.user_id == user_id)
    others = exists().where(memberships.c.room_id == rooms.c.id, memberships.c.user_id != user_id)
    deserted = rooms.c.id.in_(own), ~IS_PUBLIC, ~others
    # What lies on the disk is removed by its row, which would be deleted with the room.
    is_there = files.c.room_id.in_(select(rooms.c.id).where(*deserted))
    is_unused = (files.c.user_id == user_id) & files.c.message_id.is_(None)
    expired = {"expires_at": now, "message_id": None}
    connection.execute(update(files).where(is_unused).values(expired))
    connection.execute(update(files).where(is_there).values(room_id=LOBBY_ID, **expired))
    connection.execute(delete(rooms).where(*deserted))
    connection.execute(delete(memberships).where(memberships.c.user_id == user_id))
    connection.execute(update(rooms).where(rooms.c.creator_id == user_id).values(creator_id=None))
