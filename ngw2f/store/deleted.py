"""Deleted messages, kept for some seconds in which their author may restore them.

They are in a table of their own, which nothing else reads: no page, count, search or preview could
show one by forgetting a condition. What was made of them (HTML, words, previews, mentions) is gone
with the row, and is made again of one that is restored.
"""

import time

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from ngw2f.api_resources import Message
from ngw2f.observe.tracing import request_id
from ngw2f.store.files import expire_files, files_of
from ngw2f.store.messages import next_time
from ngw2f.store.order import take_turn
from ngw2f.store.reactions import keep_reactions, put_back, reactions_of
from ngw2f.store.schema import deleted_messages as deleted
from ngw2f.store.schema import messages

# The page offers it for less: a request may take a while.
RESTORE_SECONDS = 30
FORGOTTEN = 1_000

_KEPT = ("id", "room_id", "user_id", "source", "created_at", "edited_at", "reply_to", "version")


def set_aside(connection: Connection, message_id: int) -> None:
    """Delete a message, and keep what its author may restore."""
    here = messages.c.id == message_id
    found = select(*(messages.c[name] for name in _KEPT)).where(here).with_for_update()
    row = connection.execute(found).mappings().first()
    if row is not None:
        kept = keep_reactions(connection, message_id)
        connection.execute(delete(messages).where(here))
        now = take_turn(connection).now
        connection.execute(insert(deleted).values(**row, reactions=kept, deleted_at=now))


def find_room_of(connection: Connection, message_id: int, user_id: int) -> int | None:
    """Return the room of a deleted message that the user wrote, and may still restore."""
    return connection.scalar(
        select(deleted.c.room_id).where(
            deleted.c.id == message_id,
            deleted.c.user_id == user_id,
            deleted.c.deleted_at > time.time() - RESTORE_SECONDS,
        )
    )


def find_source(connection: Connection, message_id: int) -> str:
    statement = select(deleted.c.source).where(deleted.c.id == message_id)
    source: str = connection.execute(statement).scalar_one()
    return source


def restore_message(connection: Connection, message_id: int, html: str) -> Message | None:
    """Put a deleted message back, with *html* until it is rendered; None if another one did.

    It has a version that it never had, and a new time of its last change, for readers who go by it.
    """
    here = deleted.c.id == message_id
    wanted = (deleted.c[name] for name in (*_KEPT, "reactions"))
    taken = delete(deleted).where(here).returning(*wanted)
    row = connection.execute(taken).mappings().first()
    if row is None:
        return None
    now = next_time(connection, {row["room_id"]})
    changed = {"version": row["version"] + 1, "updated_at": now, "request_id": request_id.get()}
    kept = {name: row[name] for name in _KEPT}
    values = {**kept, **changed, "html": html, "rendered": False}
    connection.execute(insert(messages).values(values))
    put_back(connection, message_id, row["reactions"])
    return Message.of(
        row["id"], row["room_id"], row["user_id"], row["source"], html, False, row["created_at"],
        now, row["edited_at"], reply_to=row["reply_to"],
        reactions=reactions_of(connection, [message_id]).get(message_id, ()),
        files=files_of(connection, [message_id]).get(message_id, ()),
    )  # fmt: skip


def has_expired(connection: Connection) -> bool:
    """Return whether there are messages whose time is over."""
    return connection.scalar(select(deleted.c.id).where(_is_expired()).limit(1)) is not None


def forget_expired(connection: Connection) -> None:
    """Delete for good what can no longer be restored; its files are removed a moment later.

    Not what is just being restored; and not more than FORGOTTEN at once.
    """
    expired = select(deleted.c.id).where(_is_expired()).order_by(deleted.c.id).limit(FORGOTTEN)
    locked = expired.with_for_update(skip_locked=True)
    message_ids = connection.scalars(locked).all()
    expire_files(connection, message_ids)
    connection.execute(delete(deleted).where(deleted.c.id.in_(message_ids)))


def _is_expired() -> ColumnElement[bool]:
    return deleted.c.deleted_at <= time.time() - RESTORE_SECONDS
