"""What an idempotency key was used for.

When the same account sends a key again, it gets what the first write made, as it is now, and
nothing is written again. A key that was used for something else is refused.
"""

import hashlib

import msgspec
from sqlalchemy import Connection

from ngw2f.errors import KeyReused
from ngw2f.store.keys import find_use
from ngw2f.store.users import UserRow


def digest_of(*asked: object) -> bytes:
    """Return a digest of everything that a write asks for."""
    return hashlib.sha256(msgspec.json.encode(asked)).digest()


def find_made(connection: Connection, user: UserRow, key: str, asked: bytes) -> int | None:
    """Return the id of what the key was used to make, None if it is new.

    *asked* is the digest of what is asked for now. Raises KeyReused if it differs.
    """
    use = find_use(connection, user.id, key)
    if use is None:
        return None
    if use.request_digest != asked:
        raise KeyReused("this idempotency key was used for something else; take a new one")
    return use.resource_id
