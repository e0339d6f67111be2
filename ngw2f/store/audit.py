"""The log of what administrators did: written in the transaction of what it tells, never changed.

Entries are deleted when they are older than the setting `audit_days`.
Names are stored as they were then. Of private rooms it has neither id nor name: those who read it
may not be members.
"""

from sqlalchemy import Connection, delete, insert, select

from ngw2f.api_resources import AuditEntry
from ngw2f.store.order import take_turn
from ngw2f.store.schema import audit, users
from ngw2f.store.users import UserRow

# More than administrators write between two runs of what deletes them.
DELETED_AT_ONCE = 5_000


def add_entry(
    connection: Connection,
    actor: UserRow,
    action: str,
    *,
    user_id: int | None = None,
    room_id: int | None = None,
    message_id: int | None = None,
    detail: str = "",
) -> None:
    """Note who does what, to which account, in which public room."""
    named = select(users.c.nickname).where(users.c.id == user_id)
    values = {
        "at": take_turn(connection).now,
        "action": action,
        "actor_id": actor.id,
        "actor": actor.nickname,
        "user_id": user_id,
        "nickname": connection.scalar(named) or "",
        "room_id": room_id,
        "message_id": message_id,
        "detail": detail,
    }
    connection.execute(insert(audit), values)


def list_entries(connection: Connection, *, before: int, limit: int) -> list[AuditEntry]:
    """Return the newest entries with ids below *before*, newest first."""
    columns = [audit.c[name] for name in AuditEntry.__struct_fields__]
    statement = select(*columns).where(audit.c.id < before).order_by(audit.c.id.desc())
    return [AuditEntry(*row) for row in connection.execute(statement.limit(limit))]


def delete_old_entries(connection: Connection, before: float) -> None:
    """Delete entries from before a time; their ids are in the order of their times."""
    oldest = select(audit.c.id).order_by(audit.c.id).limit(DELETED_AT_ONCE)
    connection.execute(delete(audit).where(audit.c.id.in_(oldest), audit.c.at < before))
