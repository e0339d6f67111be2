"""The order in which changes become true, as readers follow it by ids and by times.

Who asks for what came after an id, or a time, must not pass over what is committed later.
So PostgreSQL's writers take turns: a lock, held until the commit, is taken before an id or a
time is given. SQLite has one writer at a time anyway.

The jobs have locked messages and previews when their turn comes. So whoever changes a message
that is there locks it first, then takes the turn, and then touches rooms and users: in
another order two of them could wait for each other.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    RootTransaction,
    bindparam,
    case,
    func,
    select,
)

from ngw2f.store.schema import events

# Any number that no other program on the same PostgreSQL server is likely to use.
ADVISORY_LOCK = 0x6E677733

# One round trip; the second statement sees what was committed while the first one waited. The
# time is the server's: its clients' clocks differ.
POSTGRESQL_TURN = (
    "SELECT pg_advisory_xact_lock(%d);"
    "SELECT coalesce(max(id), 0), extract(epoch FROM clock_timestamp())::float8 FROM events"
)
LAST = select(func.coalesce(func.max(events.c.id), 0))

# So much after the newest time, where a clock was set back; a double still tells them apart.
STEP_SECONDS = 1e-6

_TURN = "ngw2f.turn"


@dataclass(slots=True)
class Turn:
    """What a transaction has from its turn: the newest event's id, and the time."""

    transaction: RootTransaction | None
    last_id: int
    now: float


def take_turn(connection: Connection) -> Turn:
    """Wait until no other transaction gives ids or times; it is this one's turn until its end."""
    transaction = connection.get_transaction()
    held: Turn | None = connection.info.get(_TURN)
    if held is not None and held.transaction is transaction:
        return held
    if connection.dialect.name == "postgresql":
        result = connection.exec_driver_sql(
            POSTGRESQL_TURN % ADVISORY_LOCK, execution_options={"no_parameters": True}
        )
        cursor: Any = result.cursor
        cursor.nextset()
        last_id, now = cursor.fetchone()
        result.close()
    else:
        last_id, now = connection.execute(LAST).scalar_one(), time.time_ns() / 1e9
    # Of the last transaction on this connection at most; the next one has another object.
    turn = connection.info[_TURN] = Turn(connection.get_transaction(), last_id, now)
    return turn


def after_newest(column: Column[float], *conditions: ColumnElement[bool]) -> ColumnElement[float]:
    """Return the SQL of the time `now`, but later than all in *column* where *conditions* hold."""
    newest = select(column + STEP_SECONDS).where(*conditions)
    newest_time = newest.order_by(column.desc()).limit(1).scalar_subquery()
    now = bindparam("now", type_=Float)
    return case((newest_time > now, newest_time), else_=now)
