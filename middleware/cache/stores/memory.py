"""A store in the memory of one process, limited in bytes; it evicts the least recently used."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from middleware.cache.entry import Entry
from middleware.cache.groups import Clock, GroupClock
from middleware.cache.variants import Variants, text_bytes

# Small chunks are joined up to this size: a body of many would cost more memory than bytes.
_PIECE_BYTES = 16 * 1024
# The memory of an entry beside the text of its headers and its body; measured, rounded up.
_ENTRY_BYTES = 4096
# The most variants of one resource: with `Vary: Cookie`, each user who polls it has one. Storing
# one takes time for each of the others; with this many, still less than most applications need.
_MAX_VARIANTS = 256
_NOTHING = Variants()


class MemoryBody:
    """The pieces of a body."""

    __slots__ = ("_pieces", "size")

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = pieces
        self.size = sum(map(len, pieces))

    def pieces(self, start: int, stop: int) -> Iterable[bytes]:
        """Return a part of the body; the whole is returned without a copy."""
        if start == 0 and stop == self.size:
            return self._pieces
        return self._part(start, stop)

    def _part(self, start: int, stop: int) -> Iterator[bytes]:
        offset = 0
        for piece in self._pieces:
            if part := piece[max(0, start - offset) : max(0, stop - offset)]:
                yield part
            offset += len(piece)


class MemoryBodyWriter:
    """Collects a body as it passes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._small: list[bytes] = []
        self._small_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._small.append(chunk)
        self._small_bytes += len(chunk)
        if self._small_bytes >= _PIECE_BYTES:
            self._join()

    def finish(self) -> MemoryBody:
        """Return the body."""
        if self._small_bytes:
            self._join()
        return MemoryBody(tuple(self._pieces))

    def discard(self) -> None:
        """Forget what was written."""
        self._pieces, self._small, self._small_bytes = [], [], 0

    def _join(self) -> None:
        # One large chunk is kept as it is: join() of a single bytes object does not copy it.
        self._pieces.append(b"".join(self._small))
        self._small = []
        self._small_bytes = 0


class MemoryStore:
    """Keeps at most `max_bytes`, headers and bookkeeping included.

    Lookups take no lock. The clock says which groups were dropped; give all
    processes of a host a `SharedGroupClock` of one file, and a drop in one is
    a drop in all.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, clock: Clock | None = None) -> None:
        self.max_bytes = max_bytes
        self.clock: Clock = GroupClock() if clock is None else clock
        self._resources: OrderedDict[str, Variants] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    @property
    def size(self) -> int:
        """The bytes that are kept."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._resources)

    def lookup(self, key: str) -> tuple[Variants, int]:
        """Return the stored responses of a key, and the time."""
        started = self.clock.now()
        variants = self._resources.get(key)
        if variants is None:
            return _NOTHING, started
        try:
            self._resources.move_to_end(key)
        except KeyError:
            return variants, started  # Another thread evicted it; it may be used once more.
        return variants, started

    def is_current(self, entry: Entry) -> bool:
        """Return whether none of the entry's groups was dropped since."""
        return not self.clock.is_dropped(entry.slots, entry.started)

    def writer(self) -> MemoryBodyWriter:
        """Begin to store a body."""
        return MemoryBodyWriter()

    def put(self, entry: Entry) -> bool | None:
        """Store a response unless a group was dropped since, or, None, it is larger than all."""
        if cost(entry) > self.max_bytes:
            return None
        if not self.is_current(entry):
            return False
        with self._lock:
            old = self._resources.get(entry.key, _NOTHING)
            self._set(entry.key, old.with_entry(entry, _MAX_VARIANTS))
            self._evict()
        return True

    def refresh(self, old: Entry, new: Entry) -> bool:
        """Replace an entry by another, if it is still there."""
        if not self.is_current(new):
            return False
        with self._lock:
            variants = self._resources.get(old.key, _NOTHING)
            if old not in variants.entries:
                return False
            self._set(old.key, variants.replacing(old, new))
            self._evict()
        return True

    def drop(self, names: Iterable[str]) -> bool:
        """Drop groups: their entries stay until evicted, but are no longer current."""
        self.clock.drop(names)
        return True

    def _set(self, key: str, variants: Variants) -> None:
        old, new = set(self._resources.get(key, _NOTHING)), set(variants)
        self._bytes += sum(map(cost, new - old)) - sum(map(cost, old - new))
        self._resources[key] = variants
        self._resources.move_to_end(key)

    def _evict(self) -> None:
        while self._bytes > self.max_bytes:
            _, variants = self._resources.popitem(last=False)
            self._bytes -= sum(map(cost, variants))


def cost(entry: Entry) -> int:
    """Count the bytes that an entry takes in memory."""
    text = sum(len(name) + len(value) for name, value in entry.headers)
    # Twice as well: selections remember the raw form of the values.
    text += text_bytes(dict(entry.selecting).values())
    return entry.body.size + 2 * text + len(entry.key) + _ENTRY_BYTES
