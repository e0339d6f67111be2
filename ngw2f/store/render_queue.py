"""The outbox of messages: in which order they are rendered, and when one is given up.

A new message waits in it, and one that is edited (`messages.py`) does again.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, select, update

from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import messages

# After this many failed attempts a message is set aside: it stays as it was typed.
MAX_ATTEMPTS = 3
IS_FRESH = and_(~messages.c.rendered, messages.c.attempts == 0)
IS_WAITING = and_(~messages.c.rendered, messages.c.attempts < MAX_ATTEMPTS)
IS_SET_ASIDE = and_(~messages.c.rendered, messages.c.attempts >= MAX_ATTEMPTS)

# The first message of each author has the number 1.
_numbered = (
    select(
        messages.c.id,
        func.row_number().over(partition_by=messages.c.user_id, order_by=messages.c.id).label("no"),
    )
    .where(IS_FRESH)
    .subquery()
)
FRESH = select(_numbered.c.id).order_by(_numbered.c.no, _numbered.c.id)
FRESH_TO_LOCK = (
    select(messages.c.id)
    .join(_numbered, _numbered.c.id == messages.c.id)
    # Repeated, because PostgreSQL checks this again if another process has rendered the message.
    .where(IS_FRESH)
    .order_by(_numbered.c.no, messages.c.id)
)
FAILED = select(messages.c.id).where(IS_WAITING).order_by(messages.c.attempts, messages.c.id)
_LIMIT: BindParameter[int] = bindparam("limit")
TO_READ = FRESH.limit(_LIMIT), FAILED.limit(1)
TO_LOCK = tuple(
    each.with_for_update(of=messages, skip_locked=True)
    for each in (FRESH_TO_LOCK.limit(_LIMIT), FAILED.limit(1))
)
WAITING_BEFORE = Prepared(
    select(messages.c.id).where(IS_WAITING, messages.c.updated_at < bindparam("time")).limit(1)
)
# Rarely something is excluded.
PREPARED = {each: Prepared(each) for each in (*TO_READ, *TO_LOCK)}


def next_ids(
    connection: Connection, limit: int, *, skip_locked: bool, exclude_ids: Collection[int]
) -> Sequence[int]:
    """Return the next messages: each author's oldest, then each one's next, and so on.

    If only messages wait whose rendering has failed, return one of them.
    """
    for statement in TO_LOCK if skip_locked else TO_READ:
        if exclude_ids:
            rest = statement.where(statement.selected_columns.id.not_in(exclude_ids))
            ids = connection.scalars(rest, {"limit": limit}).all()
        else:
            rows = PREPARED[statement].fetch(connection, {"limit": limit})
            ids = [message_id for (message_id,) in rows]
        if ids:
            return ids
    return []


def count_attempt(connection: Connection, message_id: int) -> bool:
    """Count a failed rendering of a message; return whether it is now set aside."""
    same_row = messages.c.id == message_id
    statement = update(messages).where(same_row, IS_WAITING)
    connection.execute(statement.values(attempts=messages.c.attempts + 1))
    return connection.scalar(select(messages.c.id).where(same_row, IS_SET_ASIDE)) is not None


def list_set_aside(connection: Connection) -> list[int]:
    """Return the messages that are set aside because rendering them failed too often."""
    return list(connection.scalars(select(messages.c.id).where(IS_SET_ASIDE)))


def render_again(connection: Connection, message_ids: Collection[int]) -> None:
    """Put messages that were set aside back into the outbox."""
    statement = update(messages).where(messages.c.id.in_(message_ids), IS_SET_ASIDE)
    connection.execute(statement.values(attempts=0))


def has_waiting(connection: Connection, before: float) -> bool:
    """Return whether the outbox has a message that changed before that time."""
    return bool(WAITING_BEFORE.fetch(connection, {"time": before}))


def measure_outbox(connection: Connection) -> tuple[int, float | None]:
    """Return how many messages wait, and since when the first of them has waited."""
    statement = select(func.count(), func.min(messages.c.updated_at)).where(IS_WAITING)
    count, since = connection.execute(statement).one()
    return count, since
