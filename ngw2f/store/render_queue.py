"""The order in which the messages of the outbox are rendered."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, and_, func, select

from ngw2f.store.schema import messages

# After so many failed attempts, a message is set aside: it stays as it was typed.
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


def next_ids(
    connection: Connection, limit: int, *, skip_locked: bool, exclude_ids: Collection[int]
) -> Sequence[int]:
    """Return the next messages: each author's oldest, then each one's next, and so on.

    If only messages wait whose rendering has failed, return one of them.
    """
    for statement in (FRESH_TO_LOCK if skip_locked else FRESH).limit(limit), FAILED.limit(1):
        if exclude_ids:
            statement = statement.where(statement.selected_columns.id.not_in(exclude_ids))
        if skip_locked:
            statement = statement.with_for_update(of=messages, skip_locked=True)
        ids = connection.scalars(statement).all()
        if ids:
            return ids
    return []
