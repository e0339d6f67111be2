"""Tokens prove who sends a request. Only their SHA-256 is stored.

They are 256 bits from the system's generator, which nobody can guess, so a plain digest is enough:
a slow hash would protect nothing more.
"""

import hashlib
import secrets
import time
from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ngw2f.api_resources import TokenInfo
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import tokens, users
from ngw2f.store.users import COLUMNS, UserRow, user_of

TOKEN_BYTES = 32
SECONDS_A_DAY = 86_400

# Every request with a token runs this query, so it is built once.
FIND_USER = Prepared(
    select(*COLUMNS, tokens.c.expires_at, tokens.c.digest, tokens.c.used_at)
    .join_from(tokens, users)
    .where(
        tokens.c.digest == bindparam("digest"),
        tokens.c.expires_at > bindparam("now"),
        # Nor by a token that a process of an older release has just made.
        users.c.suspended_at.is_(None),
    )
)


def create_token(
    connection: Connection,
    user_id: int,
    days: float,
    *,
    is_session: bool = False,
    name: str = "",
    user_agent: str = "",
) -> str:
    """Return a new token of the user, valid for *days*."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = time.time()
    values = {
        "digest": _digest(token),
        "user_id": user_id,
        "session": is_session,
        "created_at": now,
        "expires_at": now + days * SECONDS_A_DAY,
        "name": name,
        "user_agent": user_agent,
        "used_at": now,
    }
    connection.execute(insert(tokens).values(values))
    return token


def find_token_user(connection: Connection, token: str) -> UserRow | None:
    """Return whose token this is; None if it is unknown, revoked or expired."""
    digest = _digest(token)
    return find_users_of_digests(connection, {digest}).get(digest)


def find_users_of_digests(
    connection: Connection, digests: Collection[bytes]
) -> dict[bytes, UserRow]:
    """Return whose the tokens with these digests are, those that `find_token_user` finds."""
    now = time.time()
    rows = FIND_USER.fetch_each(connection, [{"digest": each, "now": now} for each in digests])
    found = [user_of(row) for row in rows if row]
    return {user.token_digest: user for user in found}


def revoke_token(connection: Connection, token: str) -> None:
    connection.execute(delete(tokens).where(tokens.c.digest == _digest(token)))


def list_tokens(connection: Connection, user_id: int, *, current: bytes) -> list[TokenInfo]:
    """Return the valid tokens and sessions of a user, the last used first.

    *current* is the digest of the one by which the user asks.
    """
    columns = tokens.c.digest, tokens.c.id, tokens.c.session, tokens.c.name, tokens.c.user_agent
    times = tokens.c.created_at, tokens.c.used_at, tokens.c.expires_at
    valid = tokens.c.user_id == user_id, tokens.c.expires_at > time.time()
    rows = connection.execute(select(*columns, *times).where(*valid))
    found = [TokenInfo.of(*values, current=digest == current) for digest, *values in rows]
    return sorted(found, key=lambda each: (each.last_used_at or 0, each.id), reverse=True)


def note_use(connection: Connection, digest: bytes, used_at: float) -> None:
    connection.execute(update(tokens).where(tokens.c.digest == digest).values(used_at=used_at))


def revoke_token_of(connection: Connection, user_id: int, token_id: int) -> bool:
    """Revoke a user's token by its id; return whether there was one."""
    own = tokens.c.user_id == user_id, tokens.c.id == token_id
    return connection.execute(delete(tokens).where(*own)).rowcount > 0


def revoke_sessions_of(connection: Connection, user_id: int, keep: bytes) -> int:
    """Revoke a user's sessions except the one with this digest; return how many there were."""
    others = tokens.c.user_id == user_id, tokens.c.session, tokens.c.digest != keep
    return connection.execute(delete(tokens).where(*others)).rowcount


def revoke_tokens_of(connection: Connection, user_id: int, keep: str = "") -> None:
    """Revoke all tokens of a user except *keep*, as after a change of password."""
    statement = delete(tokens).where(tokens.c.user_id == user_id)
    connection.execute(statement.where(tokens.c.digest != _digest(keep)))


def revoke_oldest_tokens(
    connection: Connection, user_id: int, keep: int, *, are_sessions: bool
) -> int:
    """Keep the user's newest API tokens, or sessions; return how many were revoked."""
    are_of_kind = tokens.c.user_id == user_id, tokens.c.session == are_sessions
    newest = select(tokens.c.id).where(*are_of_kind).order_by(tokens.c.id.desc()).limit(keep)
    statement = delete(tokens).where(*are_of_kind, tokens.c.id.not_in(newest))
    return connection.execute(statement).rowcount


def delete_expired_tokens(connection: Connection) -> int:
    """Delete the expired tokens and return how many there were."""
    return connection.execute(delete(tokens).where(tokens.c.expires_at <= time.time())).rowcount


def find_good(connection: Connection, digests: Collection[bytes]) -> set[bytes]:
    """Return those *digests* whose tokens are neither revoked nor expired, and can be used."""
    if not digests:
        return set()
    statement = select(tokens.c.digest).join_from(tokens, users)
    is_good = tokens.c.expires_at > time.time(), users.c.suspended_at.is_(None)
    condition = tokens.c.digest.in_(digests), *is_good
    return set(connection.execute(statement.where(*condition)).scalars())


def digest_of(token: str) -> bytes:
    """Return the digest of a token, which is stored in its place."""
    return _digest(token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
