"""Who may register: anybody, who has an invitation, or nobody; and the invitations.

Of an invitation's code only the SHA-256 is stored.
"""

import hashlib
import secrets
import time
from typing import Literal, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from ngw2f.store.schema import invitations, options, users
from ngw2f.store.unless_there import insert_unless_there
from ngw2f.store.users import has_others

Mode = Literal["open", "invitation", "closed"]

CODE_BYTES = 16
SECONDS_A_DAY = 86_400
NAME = "registration"


class InvitationRow(NamedTuple):
    id: int
    created_by: str
    created_at: float
    expires_at: float
    uses: int


def find_mode(connection: Connection) -> Mode:
    """Return who may register; the first account needs nobody's leave."""
    mode = connection.scalar(select(options.c.value).where(options.c.name == NAME))
    if mode is None or not has_others(connection, 0):
        return "open"
    return cast(Mode, mode)


def set_mode(connection: Connection, mode: Mode) -> None:
    insert_ = insert_unless_there(connection.dialect.name, options, "name")
    connection.execute(insert_, {"name": NAME, "value": mode})
    connection.execute(update(options).where(options.c.name == NAME).values(value=mode))


def create_invitation(connection: Connection, user_id: int, days: float) -> tuple[int, str, float]:
    """Return id, code and end of a new invitation, good for *days* and any number of accounts."""
    code, now = secrets.token_urlsafe(CODE_BYTES), time.time()
    expires_at = now + days * SECONDS_A_DAY
    values = {"digest": _digest(code), "user_id": user_id, "created_at": now}
    added = insert(invitations).returning(invitations.c.id)
    row_id = connection.execute(added, {**values, "expires_at": expires_at}).scalar_one()
    return int(row_id), code, expires_at


def is_valid(connection: Connection, code: str) -> bool:
    condition = _is_good(code)
    return connection.scalar(select(invitations.c.id).where(*condition)) is not None


def use_invitation(connection: Connection, code: str) -> bool:
    """Count a use of an invitation; return False if it is unknown, revoked or expired."""
    counted = update(invitations).where(*_is_good(code)).values(uses=invitations.c.uses + 1)
    return connection.execute(counted).rowcount > 0


def list_invitations(connection: Connection) -> list[InvitationRow]:
    """Return the invitations that are still good, the newest first."""
    columns = (
        invitations.c.id,
        users.c.nickname,
        invitations.c.created_at,
        invitations.c.expires_at,
        invitations.c.uses,
    )
    statement = select(*columns).join_from(invitations, users)
    statement = statement.where(invitations.c.expires_at > time.time())
    rows = connection.execute(statement.order_by(invitations.c.id.desc()))
    return [InvitationRow(*row) for row in rows]


def count_invitations(connection: Connection) -> int:
    """Return how many are still good."""
    counted = select(func.count()).where(invitations.c.expires_at > time.time())
    return connection.execute(counted).scalar_one()


def revoke_invitation(connection: Connection, invitation_id: int) -> bool:
    """Return whether there was one."""
    statement = delete(invitations).where(invitations.c.id == invitation_id)
    return connection.execute(statement).rowcount > 0


def delete_expired_invitations(connection: Connection) -> None:
    connection.execute(delete(invitations).where(invitations.c.expires_at <= time.time()))


def _is_good(code: str) -> tuple[ColumnElement[bool], ...]:
    return invitations.c.digest == _digest(code), invitations.c.expires_at > time.time()


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode(errors="replace")).digest()
