"""Passwords: Argon2id hashes (RFC 9106), computed in threads to keep the event loop free."""

import os
import threading
from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ngw2f.hash_queue import Asker, HashingQueue
from ngw2f.text.password import forms_of, prepare_password

# No password in UTF-8: verifying it takes as long as any other, and always fails.
NEVER = b"\xff"


class Checked(NamedTuple):
    """Whether a password is right; `new_hash` replaces a hash that an older release stored."""

    is_correct: bool
    new_hash: str | None = None


class Passwords:
    """Hash and verify; the calling greenlet waits for its turn, and the others continue."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        # Compared with the password for an unknown nickname, so that the answer takes as long
        # as for a known one.
        self._nobody = _hash_of_nothing(self._hasher)
        self._queues = threading.local()

    def hash(self, password: str, asker: Asker) -> str:
        """Return the hash to store. Raises InvalidPasswordError, TooMany, Unavailable."""
        prepared = prepare_password(password)
        return self._queue().run(asker, self._hasher.hash, prepared)

    def check(self, password_hash: str | None, typed: str, asker: Asker) -> Checked:
        """Compare a password with its hash; None stands for a user that does not exist.

        With None it takes as long, and no password is correct. Raises TooMany, Unavailable.
        """
        forms = forms_of(typed)
        checked = self._queue().run(asker, self._check, password_hash or self._nobody, forms)
        return checked if password_hash is not None else Checked(is_correct=False)

    def _check(self, password_hash: str, forms: Sequence[str]) -> Checked:
        for form in forms or (NEVER,):
            if self._verify(password_hash, form):
                is_old = form != forms[0]
                return Checked(True, self._hasher.hash(forms[0]) if is_old else None)
        return Checked(is_correct=False)

    def _verify(self, password_hash: str, password: str | bytes) -> bool:
        # Caught here, because gevent prints exceptions that leave a thread.
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _queue(self) -> HashingQueue:
        # A queue belongs to one thread's event loop; under gevent there is one thread.
        if not hasattr(self._queues, "queue"):
            self._queues.queue = HashingQueue()
        queue: HashingQueue = self._queues.queue
        return queue


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """Return a random hash that no password has; verifying it takes *hasher* as long as any other.

    It is made without hashing, which would take every process that serves 0.1 s at its start.
    """
    salt, digest = (
        b64encode(os.urandom(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
