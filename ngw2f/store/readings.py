"""What users have read: up to which message of a room, and how many come after it.

Whoever says something in a room has read what was said before. So a post writes nothing here: the
position follows from the user's newest message. Counting begins at the position and ends after
MAX_COUNTED rows of an index, however long the room is.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    Connection,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    union,
    update,
)

from ngw2f.api_resources import MAX_COUNTED, Reading
from ngw2f.store.events import delete_event
from ngw2f.store.order import take_turn
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import memberships, mentions, messages, readings, users

# In place of a user: everybody in a room is mentioned.
EVERYBODY = 0
# No user, and not everybody either.
NOBODY = -1

_OF_ROOM = messages.c.room_id == bindparam("room_id")
_IS_OWN = messages.c.user_id == bindparam("user_id")
_HERE = and_(readings.c.user_id == bindparam("user_id"), readings.c.room_id == bindparam("room_id"))
_VALUES: dict[str, Any] = {name: bindparam(name) for name in ("last_read_id", "newest_id", "muted")}


def _newest(statement: Select[tuple[int]]) -> ScalarSelect[int]:
    return statement.order_by(messages.c.id.desc()).limit(1).scalar_subquery()


STATE = Prepared(
    select(
        readings.c.user_id,
        readings.c.last_read_id,
        readings.c.newest_id,
        readings.c.muted,
        readings.c.event_id,
        users.c.read_up_to_id,
        _newest(select(messages.c.id).where(_IS_OWN, _OF_ROOM)),
        select(memberships.c.user_id)
        .where(
            memberships.c.room_id == bindparam("room_id"),
            memberships.c.user_id == bindparam("user_id"),
        )
        .scalar_subquery(),
    )
    .join_from(
        users,
        readings,
        and_(readings.c.user_id == users.c.id, readings.c.room_id == bindparam("room_id")),
        isouter=True,
    )
    .where(users.c.id == bindparam("user_id"))
)
NEWEST = Prepared(select(messages.c.id).where(_OF_ROOM).order_by(messages.c.id.desc()).limit(1))
ADD = Prepared(
    insert(readings).values(user_id=bindparam("user_id"), room_id=bindparam("room_id"), **_VALUES)
)
CHANGE = Prepared(update(readings).where(_HERE).values(_VALUES))
NOTE_EVENT = Prepared(update(readings).where(_HERE).values(event_id=bindparam("event")))


def _mentioned(whom: str) -> Select[tuple[int]]:
    """Return the query for what mentions whoever the parameter *whom* names."""
    found = select(mentions.c.message_id).where(
        mentions.c.user_id == bindparam(whom),
        mentions.c.room_id == bindparam("room_id"),
        mentions.c.message_id > bindparam("position"),
    )
    return select(found.limit(MAX_COUNTED).subquery())


# As it is, because statements that are compiled once have no place to put it later.
_COMMA: Any = literal_column("','")
_AFTER = select(literal(1)).where(_OF_ROOM, messages.c.id > bindparam("position"))
_MENTIONED = union(_mentioned("user_id"), _mentioned("everybody")).subquery()
COUNTS = Prepared(
    select(
        select(func.count()).select_from(_AFTER.limit(MAX_COUNTED).subquery()).scalar_subquery(),
        select(
            func.aggregate_strings(cast(_MENTIONED.c.message_id, String), _COMMA)
        ).scalar_subquery(),
    )
)


class Ask(NamedTuple):
    """What a user wants noted about a room.

    *message_id*: the last message that is read, or the first that is unread.
    """

    user_id: int
    room_id: int
    what: Literal["read", "unread", "muted", "heard"]
    message_id: int = 0


class _State(NamedTuple):
    """A user's row for a room, if there is one, and what else decides what is read."""

    has_row: bool
    last_read_id: int | None
    newest_id: int
    is_muted: bool
    event_id: int | None
    read_up_to_id: int
    own_id: int
    is_member: bool

    @property
    def position(self) -> int:
        """Return the id up to which the user has read."""
        if self.last_read_id is None:
            return max(self.read_up_to_id, self.own_id)
        return self.own_id if self.own_id > self.newest_id else self.last_read_id

    @property
    def everybody(self) -> int:
        """Return EVERYBODY if who speaks to all in the room means this user, too."""
        return EVERYBODY if self.is_in_room and not self.is_muted else NOBODY

    @property
    def is_in_room(self) -> bool:
        """Return whether the user has come to the room, or is its member."""
        return self.has_row or self.is_member


def list_readings(
    connection: Connection, user_id: int, room_ids: Collection[int]
) -> dict[int, Reading]:
    """Return what a user has read of rooms, by their ids."""
    asked = [{"user_id": user_id, "room_id": each} for each in room_ids]
    states = _states(connection, asked)
    return dict(zip(room_ids, _count(connection, asked, states), strict=True))


def find_reading(connection: Connection, user_id: int, room_id: int) -> Reading:
    return list_readings(connection, user_id, [room_id])[room_id]


def find_position(connection: Connection, user_id: int, room_id: int) -> int:
    """Return the id up to which a user has read a room."""
    return _states(connection, [{"user_id": user_id, "room_id": room_id}])[0].position


def keep_position(connection: Connection, user_id: int, room_id: int, position: int) -> None:
    """Store the position that a user had, if it has moved back: an own message is deleted."""
    take_turn(connection)
    (state,) = _states(connection, [{"user_id": user_id, "room_id": room_id}])
    if state.position < position:
        _write(connection, Ask(user_id, room_id, "read"), state, position, state.is_muted)


def note(connection: Connection, asks: Iterable[Ask]) -> tuple[list[Reading], list[Reading]]:
    """Store what users want noted; return the reading of each, and those that have changed.

    Of what has changed, each room of a user is there once, as it is in the end.
    """
    take_turn(connection)
    found: list[Reading] = []
    changed: dict[tuple[int, int], Reading] = {}
    for ask in asks:
        is_changed = _note(connection, ask)
        found.append(find_reading(connection, ask.user_id, ask.room_id))
        if is_changed:
            changed[ask.user_id, ask.room_id] = found[-1]
    return found, list(changed.values())


def note_events(connection: Connection, event_ids: Mapping[Reading, int]) -> None:
    """Note the event of each reading; the one before it, which says less, is deleted.

    So there is one for each room and user, and readings leave room for messages in the log.
    """
    for reading, event_id in event_ids.items():
        here = {"user_id": reading.user_id, "room_id": reading.room_id}
        (state,) = _states(connection, [here])
        if state.event_id is not None:
            delete_event(connection, state.event_id)
        NOTE_EVENT.run_each(connection, [{**here, "event": event_id}])


def _note(connection: Connection, ask: Ask) -> bool:
    """Store what a user wants noted; return whether it has changed anything."""
    (state,) = _states(connection, [{"user_id": ask.user_id, "room_id": ask.room_id}])
    position, is_muted = state.position, state.is_muted
    match ask.what:
        case "read":
            position = max(position, min(ask.message_id, _newest_id(connection, ask.room_id)))
        case "unread":
            position = min(position, max(0, ask.message_id - 1))
        case _:
            is_muted = ask.what == "muted"
    # Whoever reads has come to the room, even if nothing is new there.
    has_come = ask.what == "read" and not state.has_row
    if (position, is_muted) == (state.position, state.is_muted) and not has_come:
        return False
    _write(connection, ask, state, position, is_muted)
    return True


def _write(connection: Connection, ask: Ask, state: _State, position: int, is_muted: bool) -> None:
    values = {
        "user_id": ask.user_id,
        "room_id": ask.room_id,
        "last_read_id": position,
        "newest_id": _newest_id(connection, ask.room_id),
        "muted": is_muted,
    }
    (CHANGE if state.has_row else ADD).run_each(connection, [values])


def _newest_id(connection: Connection, room_id: int) -> int:
    rows = NEWEST.fetch(connection, {"room_id": room_id})
    return int(rows[0][0]) if rows else 0


def _states(connection: Connection, asked: Collection[Mapping[str, int]]) -> list[_State]:
    return [
        _State(
            has_row is not None,
            last_read_id,
            newest_id or 0,
            bool(muted),
            event_id,
            read_up_to_id,
            own_id or 0,
            member is not None,
        )
        for has_row, last_read_id, newest_id, muted, event_id, read_up_to_id, own_id, member
        in STATE.fetch_each(connection, list(asked))
    ]  # fmt: skip


def _count(
    connection: Connection, asked: Iterable[Mapping[str, int]], states: Collection[_State]
) -> Iterable[Reading]:
    places = [
        {**each, "position": state.position, "everybody": state.everybody}
        for each, state in zip(asked, states, strict=True)
    ]
    counts = COUNTS.fetch_each(connection, places)
    for place, state, (unread, joined) in zip(places, states, counts, strict=True):
        mentioned = sorted(map(int, joined.split(",")))[:MAX_COUNTED] if joined else []
        yield Reading(
            place["room_id"],
            place["user_id"],
            state.position,
            unread,
            len(mentioned),
            state.is_muted,
            state.is_in_room,
            tuple(mentioned),
        )
