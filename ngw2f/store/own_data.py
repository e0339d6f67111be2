"""What the chat has of one account, in parts of bounded size, for its export.

Only what the user may still see is there of others' rooms; what the user wrote is there of all.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    select,
    tuple_,
    union_all,
)

from ngw2f.store.rooms import is_visible, reader_parameters, rooms_of
from ngw2f.store.schema import files, memberships, mentions, messages, reactions, readings, rooms
from ngw2f.store.users import UserRow

PART = 500
Place = tuple[int | str, ...]
_USER: BindParameter[int] = bindparam("user_id")


class Account(msgspec.Struct):
    id: int
    nickname: str
    created_at: float
    last_seen_at: float
    theme: str
    language: str


class OwnRoom(msgspec.Struct):
    id: int
    name: str
    private: bool
    joined_at: float


class OwnMessage(msgspec.Struct):
    id: int
    room_id: int
    source: str
    created_at: float
    edited_at: float | None


class OwnReading(msgspec.Struct):
    room_id: int
    last_read_id: int | None
    muted: bool


class OwnMention(msgspec.Struct):
    message_id: int
    room_id: int


class OwnReaction(msgspec.Struct):
    message_id: int
    emoji: str
    created_at: float


class OwnFile(msgspec.Struct):
    id: int
    room_id: int
    message_id: int | None
    name: str
    size: int
    media_type: str
    created_at: float


class ListOfParts(NamedTuple):
    """A list in an order in which each part begins after a place."""

    statement: Select[Any] | CompoundSelect[Any]
    shape: Callable[..., Any]
    place: tuple[str, ...]
    # Before all of them.
    first: Place = (0,)
    # Completes a part by what its statement cannot tell.
    complete: Callable[[Connection, UserRow, list[Any]], list[Any]] | None = None

    def place_of(self, item: object) -> Place:
        return tuple(getattr(item, name) for name in self.place)

    def read(self, connection: Connection, user: UserRow, after: Place) -> Sequence[object]:
        """Return the next items of the user's list, [] at its end."""
        parameters: dict[str, Any] = {f"after_{at}": value for at, value in enumerate(after)}
        parameters |= {"user_id": user.id, **reader_parameters(user)}
        rows = connection.execute(self.statement.limit(PART), parameters)
        found = [self.shape(*row) for row in rows]
        return self.complete(connection, user, found) if self.complete else found


def _name_directs(connection: Connection, user: UserRow, own: list[OwnRoom]) -> list[OwnRoom]:
    """Name each direct message after the others in it, and return all the rooms."""
    known = rooms_of(connection, [each.id for each in own if not each.name])
    for each in own:
        if each.id in known:
            each.name = known[each.id].name_for(user.id)
    return own


MEMBERSHIPS = (
    select(rooms.c.id, rooms.c.name, rooms.c.private, memberships.c.created_at)
    .join_from(memberships, rooms)
    .where(memberships.c.user_id == _USER, rooms.c.id > bindparam("after_0"))
    .order_by(rooms.c.id)
)
_OWN_MESSAGES = select(
    messages.c.id,
    messages.c.room_id,
    messages.c.source,
    messages.c.created_at,
    messages.c.edited_at,
).where(messages.c.user_id == _USER)
# In the order of an index. SQLite would compare a tuple that ends in the rowid from the beginning
# of its room, for each part.
MESSAGES = union_all(
    _OWN_MESSAGES.where(
        messages.c.room_id == bindparam("after_0"), messages.c.id > bindparam("after_1")
    ),
    _OWN_MESSAGES.where(messages.c.room_id > bindparam("after_0")),
).order_by(messages.c.room_id, messages.c.id)
READINGS = (
    select(readings.c.room_id, readings.c.last_read_id, readings.c.muted)
    .join_from(readings, rooms)
    .where(
        readings.c.user_id == _USER,
        readings.c.room_id > bindparam("after_0"),
        is_visible(to_user=True),
    )
    .order_by(readings.c.room_id)
)
MENTIONS = (
    select(mentions.c.message_id, mentions.c.room_id)
    .join_from(mentions, rooms, mentions.c.room_id == rooms.c.id)
    .where(
        mentions.c.user_id == _USER,
        mentions.c.message_id > bindparam("after_0"),
        is_visible(to_user=True),
    )
    .order_by(mentions.c.message_id)
)
_REACTION = tuple_(reactions.c.message_id, reactions.c.emoji)
REACTIONS = (
    select(reactions.c.message_id, reactions.c.emoji, reactions.c.created_at)
    .where(
        reactions.c.user_id == _USER,
        tuple_(bindparam("after_0"), bindparam("after_1")) < _REACTION,
    )
    .order_by(reactions.c.message_id, reactions.c.emoji)
)
FILES = (
    select(
        files.c.id,
        files.c.room_id,
        files.c.message_id,
        files.c.name,
        files.c.size,
        files.c.media_type,
        files.c.created_at,
    )
    .where(files.c.user_id == _USER, files.c.media_type != "", files.c.id > bindparam("after_0"))
    .order_by(files.c.id)
)

LISTS: Mapping[str, ListOfParts] = MappingProxyType({
    "rooms": ListOfParts(MEMBERSHIPS, OwnRoom, ("id",), complete=_name_directs),
    "messages": ListOfParts(MESSAGES, OwnMessage, ("room_id", "id"), (0, 0)),
    "reactions": ListOfParts(REACTIONS, OwnReaction, ("message_id", "emoji"), (0, "")),
    "files": ListOfParts(FILES, OwnFile, ("id",)),
    "readings": ListOfParts(READINGS, OwnReading, ("room_id",)),
    "mentions": ListOfParts(MENTIONS, OwnMention, ("message_id",)),
})  # fmt: skip
