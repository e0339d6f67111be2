"""Idempotency keys: a client's name for a write, so that a repeated request is not done twice.

The transaction of the write stores the key. It is kept as long as the account, even if what was
written is deleted, because a late repetition must not bring that back.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, select

from ngw2f.store.schema import idempotency_keys as keys
from ngw2f.store.unless_there import insert_unless_there


class KeyUsedError(Exception):
    """The user has sent this key before; the transaction must not be committed."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a key was used for: the digest of the request, and the id of what it made."""

    request_digest: bytes
    resource_id: int


def keep_key(connection: Connection, user_id: int, key: str, use: Use) -> None:
    """Store what a user's key was used for. Raises KeyUsedError."""
    values = {
        "user_id": user_id,
        "key_digest": _digest(key),
        "request_digest": use.request_digest,
        "resource_id": use.resource_id,
    }
    insert = insert_unless_there(connection.dialect.name, keys, "user_id", "key_digest")
    if connection.execute(insert.returning(keys.c.resource_id), values).first() is None:
        raise KeyUsedError(key)


def find_use(connection: Connection, user_id: int, key: str) -> Use | None:
    statement = select(keys.c.request_digest, keys.c.resource_id)
    same_row = keys.c.user_id == user_id, keys.c.key_digest == _digest(key)
    row = connection.execute(statement.where(*same_row)).first()
    return Use(*row) if row else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
