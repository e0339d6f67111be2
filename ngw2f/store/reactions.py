"""Reactions: emoji that readers of a message put beside it, each once."""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from ngw2f.api_resources import Reaction
from ngw2f.store.among import among
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import reactions

_OF_MESSAGES = among(reactions.c.message_id, "ids")
# In the order in which each emoji came first.
COUNTS = Prepared(
    select(reactions.c.message_id, reactions.c.emoji, func.count())
    .where(_OF_MESSAGES)
    .group_by(reactions.c.message_id, reactions.c.emoji)
    .order_by(func.min(reactions.c.created_at), reactions.c.emoji)
)
OWN = Prepared(
    select(reactions.c.message_id, reactions.c.emoji).where(
        _OF_MESSAGES, reactions.c.user_id == bindparam("user_id")
    )
)
# Who reacted first, this many for each emoji.
MAX_NAMED = 200
_IN_ORDER = reactions.c.created_at, reactions.c.user_id
_RANKED = (
    select(
        reactions.c.emoji,
        reactions.c.user_id,
        reactions.c.created_at,
        func.row_number().over(partition_by=reactions.c.emoji, order_by=_IN_ORDER).label("place"),
    )
    .where(reactions.c.message_id == bindparam("message_id"))
    .subquery()
)
WHO = (
    select(_RANKED.c.emoji, _RANKED.c.user_id)
    .where(_RANKED.c.place <= MAX_NAMED)
    .order_by(_RANKED.c.created_at, _RANKED.c.user_id)
)

Kept = tuple[str, int, float]


def reactions_of(
    connection: Connection, message_ids: Collection[int]
) -> dict[int, tuple[Reaction, ...]]:
    """Return the reactions to messages, without those that have none."""
    found: dict[int, tuple[Reaction, ...]] = {}
    for message_id, emoji, count in COUNTS.fetch(connection, {"ids": list(message_ids)}):
        found[message_id] = (*found.get(message_id, ()), Reaction(emoji, count))
    return found


def own_reactions(
    connection: Connection, message_ids: Collection[int], user_id: int
) -> dict[int, set[str]]:
    """Return which emoji a user has put beside messages."""
    found: dict[int, set[str]] = {}
    rows = OWN.fetch(connection, {"ids": list(message_ids), "user_id": user_id})
    for message_id, emoji in rows:
        found.setdefault(message_id, set()).add(emoji)
    return found


def who_reacted(connection: Connection, message_id: int) -> dict[str, list[int]]:
    """Return the first users who put each emoji beside a message, in that order."""
    found: dict[str, list[int]] = {}
    for emoji, user_id in connection.execute(WHO, {"message_id": message_id}):
        found.setdefault(emoji, []).append(user_id)
    return found


def add_reaction(
    connection: Connection, message_id: int, emoji: str, user_id: int, now: float
) -> None:
    values = {"message_id": message_id, "emoji": emoji, "user_id": user_id, "created_at": now}
    connection.execute(insert(reactions).values(values))


def remove_reaction(
    connection: Connection, message_id: int, emoji: str, user_id: int, _now: float
) -> None:
    connection.execute(
        delete(reactions).where(
            reactions.c.message_id == message_id,
            reactions.c.emoji == emoji,
            reactions.c.user_id == user_id,
        )
    )


def keep_reactions(connection: Connection, message_id: int) -> str:
    """Return the reactions to a message, which is about to be deleted, to put them back."""
    statement = select(reactions.c.emoji, reactions.c.user_id, reactions.c.created_at)
    rows = connection.execute(statement.where(reactions.c.message_id == message_id))
    return msgspec.json.encode([tuple(row) for row in rows]).decode()


def put_back(connection: Connection, message_id: int, kept: str) -> None:
    rows = [
        {"message_id": message_id, "emoji": emoji, "user_id": user_id, "created_at": created_at}
        for emoji, user_id, created_at in msgspec.json.decode(kept, type=list[Kept])
    ]
    if rows:
        connection.execute(insert(reactions), rows)
