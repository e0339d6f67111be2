"""Decide who may look at a request: everybody, in development, or whoever has a signed field."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from wsgiref.types import WSGIEnvironment

FIELD = "HTTP_X_RAY"
MAX_SECONDS = 3600


class Access:
    """Says of a request whether its `X-Ray` field lets it be recorded and shown.

    `everyone`: whether every request is, with or without the field; for development only.
    `key`: the secret with which fields are signed; without one, none is valid.
    """

    def __init__(
        self, *, everyone: bool = False, key: bytes = b"", now: Callable[[], float] = time.time
    ) -> None:
        self.everyone = everyone
        self.key = key
        self.now = now

    @property
    def needed(self) -> str | None:
        """Return the entry of environ without which nobody may see anything, if there is one."""
        return None if self.everyone else FIELD

    def __call__(self, environ: WSGIEnvironment) -> bool:
        return self.everyone or (FIELD in environ and self.is_valid(environ[FIELD]))

    def sign(self, seconds: int = 300) -> str:
        """Return a field that is valid for some seconds; at most an hour, so that none is kept.

        Raises `ValueError` if that is too long, or if there is no key.
        """
        if not self.key:
            raise ValueError("signing a field needs a key")
        if not 0 < seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be 1 to {MAX_SECONDS}, not {seconds}")
        expires = str(int(self.now()) + seconds)
        return f"{expires}.{self.signature_of(expires)}"

    def is_valid(self, field: str) -> bool:
        """Say whether a field was signed with our key, and has not expired."""
        expires, _, signature = field.partition(".")
        if not self.key or not (expires.isascii() and expires.isdigit()) or len(expires) > 15:
            return False
        expected = self.signature_of(expires)
        is_ours = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        return is_ours and 0 < int(expires) - self.now() <= MAX_SECONDS

    def signature_of(self, expires: str) -> str:
        return hmac.new(self.key, f"x-ray {expires}".encode(), hashlib.sha256).hexdigest()
