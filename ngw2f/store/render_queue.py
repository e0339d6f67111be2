"""The order in which the messages of the outbox are rendered."""

from collections.abc import Collection, Sequence

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, select

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
