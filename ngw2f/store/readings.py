"""What users have read: up to which message of a room, and how many come after it.

Whoever says something in a room has read what was said before. So a post writes nothing here: the
position follows from the user's newest message. Counting begins at the position and ends after
MAX_COUNTED rows of an index, however long the room is.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress
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
from ngw2f.store.events import delete_events
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
    """Store the position that a user had, if deleting or restoring their message moved it."""
    take_turn(connection)
    here = {"user_id": user_id, "room_id": room_id}
    (state,) = _states(connection, [here])
    if state.position != position:
        newest_id = _newest_ids(connection, {room_id})[room_id]
        moved = state._replace(last_read_id=position, newest_id=newest_id)
        _write(connection, [(here, state.has_row, moved)])


def note(connection: Connection, asks: Sequence[Ask]) -> tuple[list[Reading], list[Reading]]:
    """Store what users want noted; return the reading of each, and those that have changed.

    Both are as they are in the end; of what has changed, each room of a user is there once.
    Others wait for this turn to post, so PostgreSQL is asked for all at once.
    """
    take_turn(connection)
    places = list(dict.fromkeys((ask.user_id, ask.room_id) for ask in asks))
    asked = [{"user_id": user_id, "room_id": room_id} for user_id, room_id in places]
    before = dict(zip(places, _states(connection, asked), strict=True))
    newest_ids = _newest_ids(connection, {room_id for _, room_id in places})
    states = dict(before)
    for ask in asks:
        place = ask.user_id, ask.room_id
        states[place] = _noted(ask, states[place], newest_ids[ask.room_id])
    is_changed = [states[place] != before[place] for place in places]
    had_row = [before[place].has_row for place in places]
    _write(connection, compress(zip(asked, had_row, states.values(), strict=True), is_changed))
    counted = list(_count(connection, asked, states.values()))
    found = dict(zip(places, counted, strict=True))
    return [found[ask.user_id, ask.room_id] for ask in asks], list(compress(counted, is_changed))


def note_events(connection: Connection, event_ids: Mapping[Reading, int]) -> None:
    """Note the event of each reading; the one before it, which says less, is deleted.

    So there is one for each room and user, and readings leave room for messages in the log.
    """
    here = [{"user_id": each.user_id, "room_id": each.room_id} for each in event_ids]
    before = [state.event_id for state in _states(connection, here)]
    delete_events(connection, [each for each in before if each is not None])
    pairs = zip(here, event_ids.values(), strict=True)
    NOTE_EVENT.run_each(connection, [{**each, "event": event_id} for each, event_id in pairs])


def _noted(ask: Ask, state: _State, newest_id: int) -> _State:
    """Return the state after what a user wants noted; the same if that changes nothing."""
    position, is_muted = state.position, state.is_muted
    match ask.what:
        case "read":
            position = max(position, min(ask.message_id, newest_id))
        case "unread":
            position = min(position, max(0, ask.message_id - 1))
        case _:
            is_muted = ask.what == "muted"
    # Whoever reads has come to the room, even if nothing is new there.
    has_come = ask.what == "read" and not state.has_row
    if (position, is_muted) == (state.position, state.is_muted) and not has_come:
        return state
    return state._replace(
        has_row=True, last_read_id=position, newest_id=newest_id, is_muted=is_muted
    )


def _write(
    connection: Connection, states: Iterable[tuple[Mapping[str, int], bool, _State]]
) -> None:
    """Store states of users in rooms, each with whether there is a row already."""
    rows: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for here, has_row, state in states:
        values = {
            "last_read_id": state.last_read_id,
            "newest_id": state.newest_id,
            "muted": state.is_muted,
        }
        rows[has_row].append({**here, **values})
    ADD.run_each(connection, rows[False])
    CHANGE.run_each(connection, rows[True])


def _newest_ids(connection: Connection, room_ids: Collection[int]) -> dict[int, int]:
    """Return the newest message of each room, 0 if there is none."""
    rows = NEWEST.fetch_each(connection, [{"room_id": each} for each in room_ids])
    return {room_id: row[0] if row else 0 for room_id, row in zip(room_ids, rows, strict=True)}


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
