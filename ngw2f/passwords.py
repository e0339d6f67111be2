"""Passwords: Argon2id hashes (RFC 9106), made in threads that leave the event loop free."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ngw2f.hashing import Asker, HashingQueue


class Passwords:
    """Hash and verify; the calling greenlet waits for its turn, the others go on."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        # What an unknown nickname's password is compared with, so that the answer
        # takes as long as for a known one.
        self._nobody = self._hasher.hash("nobody")
        self._queues = threading.local()

    def hash(self, password: str, asker: Asker) -> str:
        """Return what to store. Raises TooManyHashesError."""
        return self._queue().run(asker, self._hasher.hash, password)

    def is_correct(self, password_hash: str | None, password: str, asker: Asker) -> bool:
        """Compare; None, for a user that does not exist, takes its time and is False.

        Raises TooManyHashesError.
        """
        compared_with = password_hash or self._nobody
        is_correct = self._queue().run(asker, self._verify, compared_with, password)
        return is_correct and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        # Caught here: gevent prints what leaves a thread.
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _queue(self) -> HashingQueue:
        # A queue belongs to the event loop of one thread; under gevent there is one.
        if not hasattr(self._queues, "queue"):
            self._queues.queue = HashingQueue()
        queue: HashingQueue = self._queues.queue
        return queue
