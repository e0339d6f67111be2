"""Users: queries by name."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, case, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ngw2f.api_resources import User
from ngw2f.store.among import among
from ngw2f.store.order import after_newest, take_turn
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import can_be_stored, messages, nickname_shapes, users

COLUMNS = (
    users.c.id,
    users.c.nickname,
    users.c.created_at,
    users.c.updated_at,
    users.c.last_seen_at,
    users.c.theme,
    users.c.deleted_at,
    users.c.admin,
    users.c.suspended_at,
    users.c.language,
)

NICKNAMES = Prepared(select(users.c.id, users.c.nickname).where(among(users.c.id, "ids")))

IS_THERE = users.c.deleted_at.is_(None)

# Clients that ask by `updated_since` have seen times up to the newest; a change must be later.
NEXT_TIME = after_newest(users.c.updated_at)
ADD = (
    insert(users)
    .values(created_at=NEXT_TIME, updated_at=NEXT_TIME)
    # What was said before needs no reading.
    .values(read_up_to_id=select(func.coalesce(func.max(messages.c.id), 0)).scalar_subquery())
    # The first one administers the chat.
    .values(admin=~exists(select(users.c.id).where(IS_THERE)))
    .returning(users.c.id, users.c.created_at, users.c.admin)
)


class NicknameTakenError(Exception):
    """Another user has this nickname, or (LooksTakenError) one that looks the same."""


class LooksTakenError(NicknameTakenError):
    """Another user has a nickname that looks the same."""


@dataclass(frozen=True, slots=True)
class UserRow:
    id: int
    nickname: str
    created_at: float
    updated_at: float
    last_seen_at: float
    # "light" or "dark"; empty: as the user's system has it.
    theme: str = ""
    # When the account was deleted; None: it was not.
    deleted_at: float | None = None
    is_admin: bool = False
    # None: the account is not suspended.
    suspended_at: float | None = None
    # Its code; empty: as the user's browser asks for it.
    language: str = ""
    # When the token expires by which the user was found, if it was by a token.
    token_expires_at: float = field(default=math.inf, compare=False)
    # And what is stored of that token.
    token_digest: bytes = field(default=b"", compare=False)
    # When that token was used last, as of some minutes ago.
    token_used_at: float | None = field(default=None, compare=False)

    def as_resource(self, *, online: bool) -> User:
        """Return the user as clients see it; whether it is online is known elsewhere."""
        return User.of(
            self.id,
            self.nickname,
            self.created_at,
            self.updated_at,
            self.last_seen_at,
            online=online,
            administrator=self.is_admin,
            suspended=self.suspended_at is not None,
        )


def user_of(row: Sequence[Any]) -> UserRow:
    """Return the user whose columns, as the driver has them, *row* has."""
    user_id, *others = row
    others[6] = bool(others[6])  # SQLite has no booleans of its own.
    return UserRow(user_id, *others)


@dataclass(frozen=True, slots=True)
class Credentials:
    user_id: int
    password_hash: str


def create_user(
    connection: Connection,
    nickname: str,
    nickname_key: str,
    password_hash: str,
    shapes: Collection[str] = (),
) -> UserRow:
    """Store a new user. Raises NicknameTakenError."""
    now = take_turn(connection).now
    values = {
        "nickname": nickname,
        "nickname_key": nickname_key,
        "password_hash": password_hash,
        "last_seen_at": now,
        "now": now,
    }
    try:
        user_id, created_at, is_admin = connection.execute(ADD, values).one()
    except IntegrityError as error:
        raise NicknameTakenError(nickname) from error
    _add_shapes(connection, user_id, shapes)
    return UserRow(user_id, nickname, created_at, created_at, now, is_admin=is_admin)


def _add_shapes(connection: Connection, user_id: int, shapes: Collection[str]) -> None:
    if not shapes:
        return
    values = [{"shape": shape, "user_id": user_id} for shape in shapes]
    try:
        connection.execute(insert(nickname_shapes), values)
    except IntegrityError as error:
        raise LooksTakenError(user_id) from error


def find_user(connection: Connection, user_id: int) -> UserRow | None:
    row = connection.execute(select(*COLUMNS).where(users.c.id == user_id)).first()
    return UserRow(*row) if row else None


def lock_user(connection: Connection, user_id: int) -> UserRow | None:
    """Return a user whom nobody else changes until this transaction ends."""
    statement = select(*COLUMNS).where(users.c.id == user_id).with_for_update(key_share=True)
    row = connection.execute(statement).first()
    return UserRow(*row) if row else None


def find_credentials(
    connection: Connection, nickname_key: str, old_key: str = "", nickname: str = ""
) -> Credentials | None:
    """Return the credentials of the user with this key, or with the key of older releases.

    If two users match, prefer the one who has exactly this nickname.
    """
    keys = {nickname_key, old_key or nickname_key}
    if not all(map(can_be_stored, keys)):
        return None
    columns = (users.c.id, users.c.password_hash)
    is_exact = case((users.c.nickname == nickname, 0), else_=1)
    is_new = case((users.c.nickname_key == nickname_key, 0), else_=1)
    statement = select(*columns).where(users.c.nickname_key.in_(keys)).order_by(is_exact, is_new)
    row = connection.execute(statement.limit(1)).first()
    return Credentials(*row) if row else None


def is_shape_taken(connection: Connection, shapes: Collection[str]) -> bool:
    statement = select(nickname_shapes.c.user_id).where(nickname_shapes.c.shape.in_(shapes))
    return connection.execute(statement.limit(1)).first() is not None


def find_credentials_of(connection: Connection, user_id: int) -> Credentials | None:
    statement = select(users.c.id, users.c.password_hash).where(users.c.id == user_id)
    row = connection.execute(statement).first()
    return Credentials(*row) if row else None


def lock_current(connection: Connection, known: Credentials) -> bool:
    """Return whether the password is still the one that was checked, and lock the user.

    Until this transaction ends, the password cannot change, and no other lock can be taken.
    """
    condition = users.c.id == known.user_id, users.c.password_hash == known.password_hash
    # PostgreSQL locks the row, but lets others refer to it, so that the user can post meanwhile.
    # SQLite has one writer at a time.
    statement = select(users.c.id).where(*condition).with_for_update(key_share=True)
    return connection.execute(statement).first() is not None


def list_users(
    connection: Connection,
    updated_since: float | None = None,
    *,
    after: int = 0,
    limit: int = 50,
    among: Collection[int] | None = None,
) -> list[UserRow]:
    """Return users with ids above *after*, changed since *updated_since*, ordered by id.

    Deleted accounts are left out, unless they were deleted since then.
    """
    statement = select(*COLUMNS).where(users.c.id > after).order_by(users.c.id).limit(limit)
    if updated_since is None:
        statement = statement.where(users.c.deleted_at.is_(None))
    if updated_since is not None:
        statement = statement.where(users.c.updated_at > updated_since)
    if among is not None:
        statement = statement.where(users.c.id.in_(among))
    return [UserRow(*row) for row in connection.execute(statement)]


def nicknames_of(connection: Connection, user_ids: set[int]) -> dict[int, str]:
    if not user_ids:
        return {}
    return dict(NICKNAMES.fetch(connection, {"ids": list(user_ids)}))


def change_user(
    connection: Connection, user_id: int, shapes: Collection[str] = (), **values: str
) -> bool:
    """Set *values* of columns, and the shapes of a new nickname; not of a deleted account.

    Return whether it is there. Raises NicknameTakenError.
    """
    # Lock the row before taking the turn, as a change of password does; otherwise two changes
    # could wait for each other.
    is_there = users.c.id == user_id, IS_THERE
    locked = select(users.c.id).where(*is_there).with_for_update(key_share=True)
    if connection.execute(locked).first() is None:
        return False
    statement = update(users).where(users.c.id == user_id).values(updated_at=NEXT_TIME, **values)
    try:
        connection.execute(statement, {"now": take_turn(connection).now})
    except IntegrityError as error:
        raise NicknameTakenError(values["nickname"]) from error
    if shapes:
        of_user = nickname_shapes.c.user_id == user_id
        connection.execute(delete(nickname_shapes).where(of_user))
        _add_shapes(connection, user_id, shapes)
    return True


def set_admin(connection: Connection, user_id: int, *, is_admin: bool) -> None:
    _change_rights(connection, user_id, admin=is_admin)


def set_suspended(connection: Connection, user_id: int, *, is_suspended: bool) -> None:
    now = take_turn(connection).now
    _change_rights(connection, user_id, suspended_at=now if is_suspended else None)


def _change_rights(connection: Connection, user_id: int, **values: Any) -> None:
    statement = update(users).where(users.c.id == user_id)
    changed = statement.values(updated_at=NEXT_TIME, **values)
    connection.execute(changed, {"now": take_turn(connection).now})


def has_others(connection: Connection, user_id: int) -> bool:
    """Return whether there are accounts beside one."""
    statement = select(users.c.id).where(users.c.id != user_id, IS_THERE)
    return connection.execute(statement.limit(1)).first() is not None


def count_admins(connection: Connection) -> int:
    return connection.execute(select(func.count()).where(users.c.admin)).scalar_one()


def replace_password_hash(connection: Connection, known: Credentials, new_hash: str) -> bool:
    """Replace the hash if it is still the known one; return whether it was."""
    condition = users.c.id == known.user_id, users.c.password_hash == known.password_hash
    statement = update(users).where(*condition).values(password_hash=new_hash)
    return connection.execute(statement).rowcount > 0


def set_last_seen(connection: Connection, user_id: int, seen_at: float) -> None:
    is_there = users.c.id == user_id, IS_THERE
    connection.execute(update(users).where(*is_there).values(last_seen_at=seen_at))
