"""The order in which changes are committed, which readers follow by ids and by times.

A client that asks for everything after an id or a time must not miss a change that is committed
later. So PostgreSQL's writers take turns: each takes a lock before it assigns an id or a time, and
holds the lock until it commits. SQLite has one writer at a time anyway.

Jobs lock messages and previews before they take their turn. So every change of an existing message
first locks it, then takes the turn, and then touches rooms and users: in another order, two
transactions could wait for each other.
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

from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import events

# Any number that no other program on the same PostgreSQL server is likely to use.
ADVISORY_LOCK = 0x6E677733

# One round trip; the second statement sees what was committed while the first one waited. The
# server's clock is used because its clients' clocks differ.
POSTGRESQL_TURN = (
    "SELECT pg_advisory_xact_lock(%d);"
    "SELECT coalesce(max(id), 0), extract(epoch FROM clock_timestamp())::float8 FROM events"
)
LAST = Prepared(select(func.coalesce(func.max(events.c.id), 0)))

# The step after the newest time if a clock was set back; a double can still represent it.
STEP_SECONDS = 1e-6

_TURN = "ngw2f.turn"


@dataclass(slots=True)
class Turn:
    """What a transaction learns at its turn: the newest event's id, and the time."""

    transaction: RootTransaction | None
    last_id: int
    now: float


def take_turn(connection: Connection) -> Turn:
    """Wait until no other transaction assigns ids or times; keep others waiting until the end."""
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
        last_id, now = LAST.fetch(connection)[0][0], time.time_ns() / 1e9
    # It may outlive its transaction, but then the connection has another transaction object.
    turn = connection.info[_TURN] = Turn(connection.get_transaction(), last_id, now)
    return turn


def after_newest(column: Column[float], *conditions: ColumnElement[bool]) -> ColumnElement[float]:
    """Return SQL for `now`, or for a time after all in *column* where *conditions* hold."""
    newest = select(column + STEP_SECONDS).where(*conditions)
    newest_time = newest.order_by(column.desc()).limit(1).scalar_subquery()
    now = bindparam("now", type_=Float)
    return case((newest_time > now, newest_time), else_=now)
