"""The bodies of stored responses in Redis: each a string of its own, never changed once written.

Because they never change, each process may keep copies.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from middleware.cache.stores.redis_client import Connection

# The size of the pieces in which a body is written, and read if the process keeps no copy of it.
_PIECE_BYTES = 256 * 1024
# A body whose response never ends expires after this time.
_UNFINISHED_SECONDS = 900


class RedisBody:
    """A body in Redis, of which the process may have a copy."""

    __slots__ = ("_bodies", "key", "size")

    def __init__(self, bodies: "Bodies", key: str, size: int) -> None:
        self._bodies = bodies
        self.key = key
        self.size = size

    def pieces(self, start: int, stop: int) -> Iterable[bytes]:
        """Return a part of the body; a large one is read piece by piece, as it is asked for."""
        if self.size <= _PIECE_BYTES:
            whole = self._bodies.whole(self)
            return (whole if (start, stop) == (0, self.size) else whole[start:stop],)
        return self._part(start, stop)

    def _part(self, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, _PIECE_BYTES):
            yield self._bodies.read(self, first, min(first + _PIECE_BYTES, stop))


class RedisBodyWriter:
    """Writes a body to Redis as it passes, one piece at a time.

    Once Redis is unreachable, the writer sends nothing more for this body: a time-out for each
    piece would keep the client waiting in vain.
    """

    def __init__(self, bodies: "Bodies", connection: Connection) -> None:
        self._bodies = bodies
        self._connection = connection
        self._is_lost = connection.is_lost
        self._key = bodies.key(secrets.token_hex(8))
        self._small: list[bytes] = []
        self._small_bytes = 0
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._small.append(chunk)
        self._small_bytes += len(chunk)
        if self._small_bytes >= _PIECE_BYTES:
            self._flush()

    def finish(self) -> RedisBody:
        """Return the body."""
        if self._small_bytes:
            self._flush()
        return RedisBody(self._bodies, self._key, self._size)

    def discard(self) -> None:
        """Delete what was written."""
        if self._size and not self._is_lost:
            self._connection.command("DEL", self._key)

    def _flush(self) -> None:
        # If a piece is lost, put() finds a body of the wrong length and does not store it.
        self._is_lost = self._is_lost or self._connection.is_left_alone
        if not self._is_lost:
            command = self._connection.command
            appended = command("APPEND", self._key, b"".join(self._small))
            expires = appended and command("EXPIRE", self._key, _UNFINISHED_SECONDS)
            self._is_lost = expires is None
        self._size += self._small_bytes
        self._small = []
        self._small_bytes = 0


class Bodies:
    """All bodies under one prefix, and copies of the small ones: at most `local_bytes`."""

    def __init__(self, connection: Connection, prefix: str, local_bytes: int) -> None:
        self.prefix = f"{prefix}b:"
        self._connection = connection
        self._local_bytes = local_bytes
        self._lock = threading.Lock()
        self._copies: OrderedDict[str, bytes] = OrderedDict()
        self._copied_bytes = 0

    def key(self, name: str) -> str:
        """Return the key of a body."""
        return f"{self.prefix}{name}"

    def body(self, name: str, size: int) -> RedisBody:
        """Return the body of this name, without a look at Redis."""
        return RedisBody(self, self.key(name), size)

    def name_of(self, body: RedisBody) -> str:
        """Return the name under which `body()` finds it again."""
        return body.key.removeprefix(self.prefix)

    def writer(self) -> RedisBodyWriter:
        """Begin to store a body."""
        return RedisBodyWriter(self, self._connection)

    def is_at_hand(self, body: RedisBody) -> bool:
        """Copy a body before the response begins; of a large one, check that it is there."""
        if body.size == 0 or body.key in self._copies:
            return True
        if body.size > _PIECE_BYTES:
            return bool(self._connection.command("STRLEN", body.key) == body.size)
        try:
            self.whole(body)
        except ConnectionError:
            return False
        return True

    def whole(self, body: RedisBody) -> bytes:
        """Return a small body, from this process if it has a copy."""
        whole = self._copies.get(body.key)
        if whole is None:
            whole = self.read(body, 0, body.size)
            self._copy(body.key, whole)
        return whole

    def read(self, body: RedisBody, start: int, stop: int) -> bytes:
        """Read a part of a body.

        Raises ConnectionError if it is gone: no client may take a part for the whole.
        """
        if start == stop:
            return b""
        part = self._connection.command("GETRANGE", body.key, start, stop - 1)
        if part is None or len(part) != stop - start:
            raise ConnectionError(f"the stored body {body.key} is gone")
        return bytes(part)

    def _copy(self, key: str, whole: bytes) -> None:
        with self._lock:
            self._copied_bytes += len(whole) - len(self._copies.pop(key, b""))
            self._copies[key] = whole
            while self._copied_bytes > self._local_bytes:
                _, old = self._copies.popitem(last=False)
                self._copied_bytes -= len(old)
