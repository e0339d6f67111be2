"""A store in Redis or Valkey, shared by processes and hosts.

A resource is a hash of its variants, each a text of its own (`redis_texts.py`). The group clock is
a counter: a drop increments it and writes the number into the group's slot. A lookup reads the
variants, the slots of their groups and the clock in one script, so in one round trip, and leaves
out what was dropped.

Entries and bodies expire. The clock and the slots do not, and must not be evicted before them: use
one of the `volatile-` policies where Redis has a `maxmemory`. In a Redis Cluster, use a prefix with
a hash tag, such as "{cache}:".
"""

from collections.abc import Iterable, Sequence

from middleware.cache.entry import Entry
from middleware.cache.groups import slots_of
from middleware.cache.stores.base import MAX_VARIANTS, NO_TIME
from middleware.cache.stores.redis_bodies import Bodies, RedisBodyWriter
from middleware.cache.stores.redis_client import Connection, RedisClient
from middleware.cache.stores.redis_scripts import DROP, LOOKUP, PUT
from middleware.cache.stores.redis_texts import Texts, body_of
from middleware.cache.variants import Variants

# The body of a removed entry stays for those who are reading it.
_READING_SECONDS = 60


class RedisStore:
    """Keeps responses in Redis; while Redis is unreachable, nothing is stored and nothing found.

    A drop that did not reach Redis is remembered and sent before the next lookup, so
    that nothing dropped is served when Redis is back.

    - `client`: any object with redis-py's `execute_command`, answering with bytes. Give it
      a time-out, and no retries (`retry=Retry(NoBackoff(), 0)` in redis-py, which otherwise tries
      for seconds): a request waits for it.
    - `prefix`: the beginning of all keys.
    - `errors`: what the client raises if Redis is unreachable; by default `OSError`, and all that
      redis-py and valkey-py raise, where one of them is imported or the client's class is
      of a package with such an `exceptions` module.
    - `local_bytes`: bodies kept in this process as well; they never change, so only
      the small lookup needs Redis then.
    - `pause_factor`: after an error, Redis is asked for nothing but drops for this many times as
      long as the error took, 5 seconds at most: while it hangs, few requests wait for a time-out.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        prefix: str = "cache:",
        errors: type[Exception] | Iterable[type[Exception]] | None = None,
        local_bytes: int = 16 * 1024 * 1024,
        pause_factor: float = 10.0,
    ) -> None:
        self._connection = Connection(client, errors, pause_factor)
        self._prefix = prefix
        self._bodies = Bodies(self._connection, prefix, local_bytes)
        self._texts = Texts(self._bodies)
        self._unsent_drops: set[int] = set()

    def lookup(self, key: str) -> tuple[Variants, int]:
        """Return the current stored responses of a key, and the group clock's number."""
        if self._connection.is_left_alone:
            return Variants(), NO_TIME
        if self._unsent_drops and not self._drop(tuple(self._unsent_drops)):
            return Variants(), NO_TIME
        found = self._connection.script(
            LOOKUP, (self._resource(key), *self._clock()), (self._bodies.prefix, _READING_SECONDS)
        )
        if found is None:
            return Variants(), NO_TIME
        return self._texts.variants(key, found[1:]), found[0]

    def is_current(self, entry: Entry) -> bool:
        """Return whether the body is still there; a lookup does not find what was dropped."""
        return self._bodies.is_at_hand(body_of(entry))

    def writer(self) -> RedisBodyWriter:
        """Begin to store a body."""
        return self._bodies.writer()

    def put(self, entry: Entry) -> bool:
        """Store a response unless a group was dropped since its request started."""
        if entry.started == NO_TIME:
            return False
        variants, _ = self.lookup(entry.key)
        kept = {old.id for old in variants.with_entry(entry, MAX_VARIANTS)}
        return self._put(entry, [old for old in variants if old.id not in kept])

    def refresh(self, old: Entry, new: Entry) -> bool:
        """Put an entry in the place of another with the same body and identity."""
        return self._put(new, ())

    def drop(self, names: Iterable[str]) -> bool:
        """Drop groups in all processes and hosts."""
        return self._drop(slots_of(names))

    def _put(self, entry: Entry, superseded: Sequence[Entry]) -> bool:
        if self._connection.is_left_alone:
            return False
        body = body_of(entry)
        gone = [word for old in superseded for word in (old.id, body_of(old).key)]
        stored = self._connection.script(
            PUT,
            (self._resource(entry.key), *self._clock(), body.key),
            (
                entry.id,
                self._texts.text(entry),
                entry.keep_seconds(entry.response_time),
                body.size,
                entry.started,
                _READING_SECONDS,
                len(entry.slots),
                *entry.slots,
                *gone,
            ),
        )
        return bool(stored)

    def _drop(self, slots: Sequence[int]) -> bool:
        self._unsent_drops.update(slots)
        if self._connection.script(DROP, self._clock(), slots) is None:
            return False
        self._unsent_drops.difference_update(slots)
        return True

    def _resource(self, key: str) -> str:
        return f"{self._prefix}r:{key}"

    def _clock(self) -> tuple[str, str]:
        return f"{self._prefix}clock", f"{self._prefix}groups"
