"""Events: what clients are told, stored together with the changes.

Their ids grow in the order of the commits, so a client that continues after an event's id misses
nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select

from ngw2f.store.order import LAST, take_turn
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import events

AFTER = (
    select(events.c.id, events.c.name, events.c.data, events.c.room_id, events.c.user_id)
    .where(events.c.id > bindparam("after"))
    .order_by(events.c.id)
    .limit(bindparam("limit"))
)
BEFORE = (
    select(events.c.id, events.c.name, events.c.data, events.c.room_id, events.c.user_id)
    .where(events.c.id < bindparam("before"))
    .order_by(events.c.id.desc())
    .limit(bindparam("limit"))
)
NEWEST_BUT = select(events.c.id).order_by(events.c.id.desc()).limit(1).offset(bindparam("count"))

# How many rows are read first, before their size is known.
STEP = 16
CHUNK_BYTES = 1024 * 1024
# Greater than any id.
NO_ID = 2**62
# What is for one user has this name in its row, by which releases before, which read no user, show
# it to nobody: their hubs only check the tokens of the user in it.
HIDDEN = "tokens.revoked"


class NewEvent(NamedTuple):
    """An event without an id: its name, its JSON, and who may see it.

    Those are the readers of the room; if there is a user, only this one of them.
    """

    name: str
    data: str
    room_id: int | None = None
    user_id: int | None = None


class StoredEvent(NamedTuple):
    id: int
    name: str
    data: str
    room_id: int | None
    user_id: int | None = None


class Run(NamedTuple):
    """Consecutive events; the first one follows *previous_id*."""

    previous_id: int
    events: Sequence[StoredEvent]


class _Hidden(msgspec.Struct):
    """The data of the row of an event for one user, with what older releases look for in it."""

    user_id: int
    name: str
    data: msgspec.Raw


DELETE = Prepared(delete(events).where(events.c.id == bindparam("event_id")))
ADD = Prepared(insert(events).values({name: bindparam(name) for name in StoredEvent._fields}))


def add_events(connection: Connection, new: Sequence[NewEvent]) -> Run:
    """Store events in the transaction of their change."""
    if not new:
        return Run(0, [])
    turn = take_turn(connection)
    previous_id = turn.last_id
    # Ids are times, so that they keep growing even if the database is replaced by a new one.
    first_id = max(previous_id + 1, int(turn.now * 1000))
    stored = [StoredEvent(event_id, *event) for event_id, event in enumerate(new, start=first_id)]
    ADD.run_each(connection, [_as_row(event)._asdict() for event in stored])
    turn.last_id = stored[-1].id
    return Run(previous_id, stored)


def _as_row(event: StoredEvent) -> StoredEvent:
    if event.user_id is None:
        return event
    hidden = _Hidden(event.user_id, event.name, msgspec.Raw(event.data.encode()))
    return event._replace(name=HIDDEN, data=msgspec.json.encode(hidden).decode())


def _of_row(*row: Any) -> StoredEvent:
    event = StoredEvent(*row)
    if event.user_id is None or event.name != HIDDEN:
        return event
    hidden = msgspec.json.decode(event.data, type=_Hidden)
    return event._replace(name=hidden.name, data=bytes(hidden.data).decode())


def delete_events(connection: Connection, event_ids: Sequence[int]) -> None:
    """Delete events that later ones replace."""
    DELETE.run_each(connection, [{"event_id": each} for each in event_ids])


def last_id(connection: Connection) -> int:
    """Return the newest event's id, or 0 if there is none."""
    return int(LAST.fetch(connection)[0][0])


def list_events(
    connection: Connection, after: int, limit: int, max_bytes: int = CHUNK_BYTES
) -> Run:
    """Return the next events: at most *limit*, and at most *max_bytes* unless it is only one."""

    def read(newest: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
        parameters = {"after": newest.id if newest else after, "limit": count}
        return [_of_row(*row) for row in connection.execute(AFTER, parameters)]

    return Run(after, _within(read, limit, max_bytes))


def list_newest(connection: Connection, limit: int, max_bytes: int) -> Run:
    """Return the newest events, oldest first, within the limits of `list_events`."""

    def read(oldest: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
        parameters = {"before": oldest.id if oldest else NO_ID, "limit": count}
        return [_of_row(*row) for row in connection.execute(BEFORE, parameters)]

    found = _within(read, limit, max_bytes)[::-1]
    return Run(oldest_cursor(connection, len(found)), found)


def _within(
    read: Callable[[StoredEvent | None, int], Sequence[StoredEvent]], limit: int, max_bytes: int
) -> list[StoredEvent]:
    """Read in steps, so that little more is in memory than is returned."""
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
        # As many as will fit if they are about as large as those before.
        step = max(1, (max_bytes - size) * len(found) // max(size, 1))
    return found


def oldest_cursor(connection: Connection, length: int) -> int:
    """Return the oldest cursor that the newest *length* events continue without a gap."""
    return connection.execute(NEWEST_BUT, {"count": length}).scalar() or 0


def delete_old_events(connection: Connection, length: int) -> int:
    """Delete all but the newest *length* and the one before them; return how many."""
    oldest = oldest_cursor(connection, length)
    return connection.execute(delete(events).where(events.c.id < oldest)).rowcount
