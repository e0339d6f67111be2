"""Passwords: Argon2id hashes (RFC 9106), made in threads that leave the event loop free."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from gevent.threadpool import ThreadPool

# Each hash takes 64 MiB and a core for some tens of milliseconds.
THREADS = 2
# More than this at once would wait for seconds: better to say so.
MAX_WAITING = 40


class TooManyHashesError(Exception):
    """So many passwords wait to be hashed that one more would wait too long."""


class Passwords:
    """Hash and verify; the calling greenlet waits, the others go on."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        # What an unknown nickname's password is compared with, so that the answer
        # takes as long as for a known one.
        self._nobody = self._hasher.hash("nobody")
        self._waiting = 0
        self._pools = threading.local()

    def hash(self, password: str) -> str:
        """Return what to store. Raises TooManyHashesError."""
        return str(self._run(self._hasher.hash, password))

    def is_correct(self, password_hash: str | None, password: str) -> bool:
        """Compare; None, for a user that does not exist, takes its time and is False.

        Raises TooManyHashesError.
        """
        is_correct = self._run(self._verify, password_hash or self._nobody, password)
        return bool(is_correct) and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        # Caught here: gevent prints what leaves a thread.
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _run(self, function: object, *arguments: str) -> object:
        if self._waiting >= MAX_WAITING:
            raise TooManyHashesError
        self._waiting += 1
        try:
            return self._pool().apply(function, arguments)
        finally:
            self._waiting -= 1

    def _pool(self) -> ThreadPool:
        # A pool belongs to the event loop of one thread; under gevent there is one.
        if not hasattr(self._pools, "pool"):
            self._pools.pool = ThreadPool(THREADS)
        return self._pools.pool
