"""Tokens prove who sends a request. Only their SHA-256 is stored.

They are 256 bits from the system's generator, which nobody can guess, so a plain digest is enough:
a slow hash would protect nothing more.
"""

import hashlib
import secrets
import time
from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, insert, select

from ngw2f.store.schema import tokens, users
from ngw2f.store.users import COLUMNS, UserRow

TOKEN_BYTES = 32
SECONDS_A_DAY = 86_400

# Every request with a token runs this query, so it is built once.
FIND_USER = (
    select(*COLUMNS, tokens.c.expires_at, tokens.c.digest)
    .join_from(tokens, users)
    .where(tokens.c.digest == bindparam("digest"), tokens.c.expires_at > bindparam("now"))
)


def create_token(
    connection: Connection, user_id: int, days: float, *, is_session: bool = False
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
    }
    connection.execute(insert(tokens).values(values))
    return token


def find_token_user(connection: Connection, token: str) -> UserRow | None:
    """Return whose token this is; None if it is unknown, revoked or expired."""
    return find_user_of_digest(connection, _digest(token))


def find_user_of_digest(connection: Connection, digest: bytes) -> UserRow | None:
    """Return whose the token with this digest is, as `find_token_user` does."""
    parameters = {"digest": digest, "now": time.time()}
    row = connection.execute(FIND_USER, parameters).first()
    return UserRow(*row) if row else None


def revoke_token(connection: Connection, token: str) -> None:
    connection.execute(delete(tokens).where(tokens.c.digest == _digest(token)))


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
    """Return those *digests* whose tokens are neither revoked nor expired."""
    if not digests:
        return set()
    statement = select(tokens.c.digest)
    condition = tokens.c.digest.in_(digests), tokens.c.expires_at > time.time()
    return set(connection.execute(statement.where(*condition)).scalars())


def digest_of(token: str) -> bytes:
    """Return the digest of a token, which is stored in its place."""
    return _digest(token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
