"""Events: what clients are told of, stored with the changes that they tell of.

Their ids grow in the order in which the changes became true, so whoever has seen
an event knows all that came before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from ngw2f.store.order import LAST, take_turn
from ngw2f.store.schema import events

AFTER = (
    select(events.c.id, events.c.name, events.c.data, events.c.room_id)
    .where(events.c.id > bindparam("after"))
    .order_by(events.c.id)
    .limit(bindparam("limit"))
)
BEFORE = (
    select(events.c.id, events.c.name, events.c.data, events.c.room_id)
    .where(events.c.id < bindparam("before"))
    .order_by(events.c.id.desc())
    .limit(bindparam("limit"))
)
NEWEST_BUT = select(events.c.id).order_by(events.c.id.desc()).limit(1).offset(bindparam("count"))

# So many rows are read at once where nobody knows how large they are.
STEP = 16
CHUNK_BYTES = 1024 * 1024
# Greater than any id.
NO_ID = 2**62


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event without an id: its name, its JSON, and the room whose readers may see it."""

    name: str
    data: str
    room_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    id: int
    name: str
    data: str
    room_id: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """Events of which each follows the one before, the first follows *previous_id*."""

    previous_id: int
    events: Sequence[StoredEvent]


def add_events(connection: Connection, new: Sequence[NewEvent]) -> Run:
    """Store events as a part of the transaction that makes them true."""
    if not new:
        return Run(0, [])
    turn = take_turn(connection)
    previous_id = turn.last_id
    # A time, so that ids go on growing even if the database is a new one.
    first_id = max(previous_id + 1, int(turn.now * 1000))
    stored = [
        StoredEvent(first_id + index, event.name, event.data, event.room_id)
        for index, event in enumerate(new)
    ]
    values = [
        {"id": event.id, "name": event.name, "data": event.data, "room_id": event.room_id}
        for event in stored
    ]
    connection.execute(insert(events), values)
    turn.last_id = stored[-1].id
    return Run(previous_id, stored)


def last_id(connection: Connection) -> int:
    """Return the newest event's id, 0 if there is none."""
    return int(connection.execute(LAST).scalar_one())


def list_events(
    connection: Connection, after: int, limit: int, max_bytes: int = CHUNK_BYTES
) -> Run:
    """Return the next events: at most *limit*, of at most *max_bytes* together, or one of more."""

    def read(newest: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
        parameters = {"after": newest.id if newest else after, "limit": count}
        return [StoredEvent(*row) for row in connection.execute(AFTER, parameters)]

    return Run(after, _within(read, limit, max_bytes))


def list_newest(connection: Connection, limit: int, max_bytes: int) -> Run:
    """Return the newest events, oldest first: as many as `list_events` would, at most."""

    def read(oldest: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
        parameters = {"before": oldest.id if oldest else NO_ID, "limit": count}
        return [StoredEvent(*row) for row in connection.execute(BEFORE, parameters)]

    found = _within(read, limit, max_bytes)[::-1]
    return Run(oldest_cursor(connection, len(found)), found)


def _within(
    read: Callable[[StoredEvent | None, int], Sequence[StoredEvent]], limit: int, max_bytes: int
) -> list[StoredEvent]:
    """Return what *read* finds, read in steps, so that little more is held than is returned."""
    found: list[StoredEvent] = []
    size, step = 0, STEP
    while len(found) < limit:
        asked = min(step, limit - len(found))
        rows = read(found[-1] if found else None, asked)
        for row in rows:
            size += len(row.data.encode())
            if found and size > max_bytes:
                return found
            found.append(row)
        if len(rows) < asked:
            return found
        # As many as will fit, if the next ones are like those before.
        step = max(1, (max_bytes - size) * len(found) // max(size, 1))
    return found


def oldest_cursor(connection: Connection, length: int) -> int:
    """Return the smallest id after which nothing is missing among the newest *length* events."""
    return connection.execute(NEWEST_BUT, {"count": length}).scalar() or 0


def delete_old_events(connection: Connection, length: int) -> int:
    """Keep the newest *length*, and the cursor before them; return how many were deleted."""
    oldest = oldest_cursor(connection, length)
    return connection.execute(delete(events).where(events.c.id < oldest)).rowcount
