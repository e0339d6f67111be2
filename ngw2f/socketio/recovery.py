"""Recovery of connections: a client comes back, and gets what it has missed.

CONNECT's answer names a `pid`, which a client sends when it connects again, with the `offset` of
the last event that it saw. Nothing is stored for it: the log has the events, and the pid says where
in the log the client began, for one that has seen none. The pid is signed, so that nobody takes the
pid of another server for ours; it proves no right, all rights are checked anew.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

SIGNATURE_BYTES = 16
SEPARATOR = "."


class Recovery:
    def __init__(self, key: bytes) -> None:
        # The same for all processes that share a log.
        self._key = key

    def new_pid(self, cursor: str) -> str:
        """Return the pid of a client that begins after *cursor*."""
        return self._sign(f"{cursor}{SEPARATOR}{secrets.token_urlsafe(12)}")

    def start_of(self, pid: str) -> str | None:
        """Return the cursor of a pid, None if it is not ours."""
        unsigned, _, _ = pid.rpartition(SEPARATOR)
        if not hmac.compare_digest(self._sign(unsigned).encode(), pid.encode()):
            return None
        return unsigned.rpartition(SEPARATOR)[0]

    def sid_of(self, pid: str) -> str:
        """Return the public id of a connection, which stays with its pid."""
        digest = hmac.digest(self._key, b"sid" + pid.encode(), hashlib.sha256)
        return urlsafe_b64encode(digest)[:20].decode()

    def _sign(self, unsigned: str) -> str:
        digest = hmac.digest(self._key, unsigned.encode(), hashlib.sha256)
        signature = urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode().rstrip("=")
        return f"{unsigned}{SEPARATOR}{signature}"
