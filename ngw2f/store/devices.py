"""Browsers that somebody has signed in with before. Only the SHA-256 of their cookie is stored.

A device is not a session and gives no access, but its attempts at its owner's password are
counted apart from those of strangers.
"""

import hashlib
import secrets
import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from ngw2f.store.schema import devices
from ngw2f.store.tokens import SECONDS_A_DAY

TOKEN_BYTES = 32
# No browser keeps a cookie for longer (draft-ietf-httpbis-rfc6265bis section 5.5).
DEVICE_DAYS = 400
# The newest of an account are kept: each sign-in of a browser without cookies makes one.
MAX_DEVICES = 50


def create_device(connection: Connection, user_id: int) -> str:
    """Return a token by which a browser is known as one that the user has signed in with."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = time.time() + DEVICE_DAYS * SECONDS_A_DAY
    values = {"digest": digest_of(token), "user_id": user_id, "expires_at": expires_at}
    connection.execute(insert(devices).values(values))
    of_user = devices.c.user_id == user_id
    oldest = select(devices.c.id).where(of_user).order_by(devices.c.id.desc()).offset(MAX_DEVICES)
    too_many = connection.execute(oldest).scalars().all()
    if too_many:
        connection.execute(delete(devices).where(devices.c.id.in_(too_many)))
    return token


def is_device_of(connection: Connection, token: str, user_id: int) -> bool:
    statement = select(devices.c.id).where(
        devices.c.digest == digest_of(token),
        devices.c.user_id == user_id,
        devices.c.expires_at > time.time(),
    )
    return connection.execute(statement).first() is not None


def is_any_device(connection: Connection, tokens: Sequence[str]) -> bool:
    """Return whether one of the tokens is a device's, whoever owns it."""
    statement = select(devices.c.id).where(
        devices.c.digest.in_([digest_of(token) for token in tokens]),
        devices.c.expires_at > time.time(),
    )
    return connection.execute(statement.limit(1)).first() is not None


def forget_devices_of(connection: Connection, user_id: int) -> None:
    connection.execute(delete(devices).where(devices.c.user_id == user_id))


def delete_expired_devices(connection: Connection) -> None:
    connection.execute(delete(devices).where(devices.c.expires_at <= time.time()))


def digest_of(token: str) -> bytes:
    """Return the digest of a device's token, which is stored in its place."""
    return hashlib.sha256(token.encode()).digest()
