"""A store in Redis or Valkey, shared by processes and hosts.

A resource is a hash of its variants, each a line of bookkeeping and a JSON
object; a body is a string of its own, never changed after it is written, so that
each process may keep copies. The group clock is a counter: a drop counts it up
and notes the number in the group's slot. A lookup reads the variants, the slots
of their groups and the clock in one script, so in one round trip, and what was
dropped is left out.

Entries and bodies expire; the clock and the slots do not, and must not be evicted
before them: use one of the `volatile-` policies where Redis has a `maxmemory`.
In a Redis Cluster, give a prefix with a hash tag, such as "{cache}:".
"""

import json
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from middleware._options import errors_of
from middleware.cache.entry import Body, Entry
from middleware.cache.groups import slots_of
from middleware.cache.policy import CachePolicy
from middleware.cache.ranges import Span
from middleware.cache.stores.base import MAX_VARIANTS
from middleware.cache.stores.redis_client import answers_with_text, errors_of_client
from middleware.cache.stores.redis_scripts import DROP, LOOKUP, PUT
from middleware.cache.variants import Variants

_log = logging.getLogger("middleware.cache")

# A body is written, and one that is not kept in the process read, in pieces of this size.
_PIECE_BYTES = 256 * 1024
# A body whose response never ends is forgotten after this.
_UNFINISHED_SECONDS = 900
# A body whose entry is gone stays for those who are reading it.
_READING_SECONDS = 60
# Parsed entries kept in the process; then the memory is emptied.
_REMEMBERED = 1024
# The group clock's time where there is none: what was started then is not stored.
_NO_TIME = -1


class RedisClient(Protocol):
    """What is needed of a client, for instance of redis-py's, with bytes as answers."""

    def execute_command(self, *args: Any) -> Any:
        """Send one command and give its answer."""
        ...


class RedisBody:
    """A body in Redis, of which the process may have a copy."""

    __slots__ = ("_store", "key", "size")

    def __init__(self, store: "RedisStore", key: str, size: int) -> None:
        self._store = store
        self.key = key
        self.size = size

    def pieces(self, start: int, stop: int) -> Iterable[bytes]:
        """Give a part of the body; a large one is read as it is asked for."""
        if self.size <= _PIECE_BYTES:
            whole = self._store.body(self)
            return (whole if (start, stop) == (0, self.size) else whole[start:stop],)
        return self._part(start, stop)

    def _part(self, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, _PIECE_BYTES):
            yield self._store.read(self, first, min(first + _PIECE_BYTES, stop))


class RedisBodyWriter:
    """Writes a body to Redis as it passes, one piece at a time.

    `is_lost`: Redis is away, and for this body it stays so: a time-out for each of its
    pieces would keep the client waiting for nothing.
    """

    def __init__(self, store: "RedisStore", *, is_lost: bool) -> None:
        self._store = store
        self._is_lost = is_lost
        self._key = store.body_key(secrets.token_hex(8))
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
        """Give the body."""
        if self._small_bytes:
            self._flush()
        return RedisBody(self._store, self._key, self._size)

    def discard(self) -> None:
        """Forget what was written."""
        if self._size and not self._is_lost:
            self._store.command("DEL", self._key)

    def _flush(self) -> None:
        # If something is lost, put() finds a body of the wrong length and does not store it.
        if not self._is_lost:
            appended = self._store.command("APPEND", self._key, b"".join(self._small))
            expires = appended and self._store.command("EXPIRE", self._key, _UNFINISHED_SECONDS)
            self._is_lost = expires is None
        self._size += self._small_bytes
        self._small = []
        self._small_bytes = 0


class RedisStore:
    """Keeps responses in Redis; while Redis is away, nothing is stored and nothing found.

    A drop that did not reach Redis is remembered and sent before the next lookup, so
    that nothing dropped is served when Redis is back.

    - `client`: any object with redis-py's `execute_command`, answering with bytes. Give it
      a time-out: a request waits for it.
    - `prefix`: the beginning of all keys.
    - `errors`: what the client raises if Redis is away; by default `OSError`, and all that
      redis-py and valkey-py raise, where one of them is imported or the client's class is
      of a package with such an `exceptions` module.
    - `local_bytes`: bodies kept in this process as well; they never change, so only
      the small lookup needs Redis then.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        prefix: str = "cache:",
        errors: type[Exception] | Iterable[type[Exception]] | None = None,
        local_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        if answers_with_text(client):
            raise ValueError("client: it must answer with bytes, without decode_responses")
        self._client = client
        self._prefix = prefix
        self._errors = errors_of_client(client) if errors is None else errors_of("errors", errors)
        self._local_bytes = local_bytes
        self._lock = threading.Lock()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bodies_size = 0
        self._entries: dict[bytes, Entry] = {}
        self._unsent_drops: set[int] = set()
        self._away = False

    # The store's interface.

    def lookup(self, key: str) -> tuple[Variants, int]:
        """Give the current stored responses of a key, and the group clock's number."""
        if self._unsent_drops and not self._drop(tuple(self._unsent_drops)):
            return Variants(), _NO_TIME
        found = self._script(
            LOOKUP, (self._resource(key), *self._clock()), (self._bodies_at(), _READING_SECONDS)
        )
        if found is None:
            return Variants(), _NO_TIME
        texts = zip(found[1::2], found[2::2], strict=True)
        entries = [entry for pair in texts if (entry := self._entry(key, *pair)) is not None]
        entries.sort(key=lambda entry: entry.response_time, reverse=True)
        return Variants(entries), found[0]

    def is_current(self, entry: Entry) -> bool:
        """Say whether the body can still be had; what was dropped was not found at all."""
        body = _body_of(entry)
        return body.size == 0 or body.key in self._bodies or self._fetch(body)

    def writer(self) -> RedisBodyWriter:
        """Begin to store a body."""
        return RedisBodyWriter(self, is_lost=self._away)

    def put(self, entry: Entry) -> bool:
        """Store a response unless a group was dropped since."""
        if entry.started == _NO_TIME:
            return False
        variants, _ = self.lookup(entry.key)
        kept = {old.id for old in variants.with_entry(entry, MAX_VARIANTS)}
        return self._put(entry, [old for old in variants if old.id not in kept])

    def refresh(self, old: Entry, new: Entry) -> bool:
        """Put an entry in the place of another with the same body and name."""
        return self._put(new, ())

    def drop(self, names: Iterable[str]) -> None:
        """Drop groups in all processes and hosts."""
        self._drop(slots_of(names))

    # Bodies.

    def body_key(self, name: str) -> str:
        """Give the key of a body."""
        return f"{self._bodies_at()}{name}"

    def body(self, body: RedisBody) -> bytes:
        """Give a small body, from this process if it has a copy."""
        whole = self._bodies.get(body.key)
        if whole is None:
            whole = self.read(body, 0, body.size)
            self._keep(body.key, whole)
        return whole

    def read(self, body: RedisBody, start: int, stop: int) -> bytes:
        """Read a part of a body.

        ConnectionError if it is gone, so that no client takes what it got for the whole.
        """
        if start == stop:
            return b""
        part = self.command("GETRANGE", body.key, start, stop - 1)
        if part is None or len(part) != stop - start:
            raise ConnectionError(f"the stored body {body.key} is gone")
        return bytes(part)

    def command(self, *arguments: Any) -> Any:
        """Send a command; None if Redis is away, which is logged once until it is back."""
        try:
            answer = self._client.execute_command(*arguments)
        except self._errors:
            if not self._away:
                _log.exception("the cache's Redis is away; going on without stored responses")
            self._away = True
            return None
        if self._away:
            _log.warning("the cache's Redis is back")
        self._away = False
        return answer

    def _fetch(self, body: RedisBody) -> bool:
        """Bring a body here before the response begins; of a large one, see that it is there."""
        if body.size > _PIECE_BYTES:
            return bool(self.command("STRLEN", body.key) == body.size)
        try:
            self.body(body)
        except ConnectionError:
            return False
        return True

    def _keep(self, key: str, whole: bytes) -> None:
        with self._lock:
            self._bodies_size += len(whole) - len(self._bodies.pop(key, b""))
            self._bodies[key] = whole
            while self._bodies_size > self._local_bytes:
                _, old = self._bodies.popitem(last=False)
                self._bodies_size -= len(old)

    # Scripts.

    def _put(self, entry: Entry, superseded: Sequence[Entry]) -> bool:
        body = _body_of(entry)
        gone = [word for old in superseded for word in (old.id, _body_of(old).key)]
        stored = self._script(
            PUT,
            (self._resource(entry.key), *self._clock(), body.key),
            (
                entry.id,
                self._text(entry),
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
        if self._script(DROP, self._clock(), slots) is None:
            return False
        self._unsent_drops.difference_update(slots)
        return True

    def _script(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        return self.command("EVAL", script, len(keys), *keys, *arguments)

    # Names and texts.

    def _resource(self, key: str) -> str:
        return f"{self._prefix}r:{key}"

    def _bodies_at(self) -> str:
        return f"{self._prefix}b:"

    def _clock(self) -> tuple[str, str]:
        return f"{self._prefix}clock", f"{self._prefix}groups"

    def _text(self, entry: Entry) -> str:
        body = _body_of(entry)
        name = body.key.removeprefix(self._bodies_at())
        head = " ".join(map(str, (entry.started, name, *entry.slots)))
        parts = {
            "status": entry.status,
            "headers": entry.received_headers,
            "selecting": entry.selecting,
            "times": [entry.request_time, entry.response_time],
            "span": entry.span and [entry.span.start, entry.span.stop, entry.span.total],
            "size": body.size,
            "policy": asdict(entry.policy),
        }
        return f"{head}\n{json.dumps(parts)}"

    def _entry(self, key: str, identity: bytes, text: bytes) -> Entry | None:
        known = self._entries.get(identity + text)
        if known is not None and known.key == key:
            return known
        try:
            entry = self._parse(key, identity.decode(), text)
        except (ValueError, TypeError, LookupError):
            return None  # Another release wrote it, which knows more of a response, or less.
        if len(self._entries) >= _REMEMBERED:
            self._entries.clear()
        self._entries[identity + text] = entry
        return entry

    def _parse(self, key: str, identity: str, text: bytes) -> Entry:
        head, _, rest = text.partition(b"\n")
        started, name = head.split()[:2]
        parts = json.loads(rest)
        return Entry(
            key=key,
            identity=identity,
            status=parts["status"],
            headers=[(name, value) for name, value in parts["headers"]],
            selecting=tuple((name, value) for name, value in parts["selecting"]),
            request_time=parts["times"][0],
            response_time=parts["times"][1],
            started=int(started),
            body=RedisBody(self, self.body_key(name.decode()), parts["size"]),
            policy=CachePolicy(**parts["policy"]),
            span=Span(*parts["span"]) if parts["span"] else None,
        )


def _body_of(entry: Entry) -> RedisBody:
    body: Body = entry.body
    assert isinstance(body, RedisBody)  # noqa: S101 - this store made it; for the checker.
    return body
