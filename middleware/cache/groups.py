"""Group clocks: the time when each group of stored responses was last dropped (RFC 9875).

A stored response belongs to the groups that its `Cache-Groups` names, and to one
of its own, its cache key. It may be used, and stored, only if none of them was
dropped since its request started: a page computed before a change must not be
stored after it.

Group names are hashed to a fixed number of slots, each with the time of the last
drop. Two names in one slot drop each other, which costs a request but never
causes a wrong response; in return, memory is bounded. Keys have slots of their own, and so
have prefixes of them: clients choose the keys that they change, and could find one in the slot of
a group, or of all that an origin stores.
"""

import fcntl
import hashlib
import mmap
import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Protocol

from middleware._options import names_of
from middleware.cache.prefixes import PREFIX

# Of groups, then of keys, then of prefixes.
GROUP_SLOTS = KEY_SLOTS = 65_536
PREFIX_SLOTS = 8_192
SLOTS = GROUP_SLOTS + KEY_SLOTS + PREFIX_SLOTS
_SLOT_BYTES = 8
# The size of a clock's file.
CLOCK_BYTES = SLOTS * _SLOT_BYTES
# How much of it is read at once.
_BLOCK_BYTES = 64 * 1024
# A URI with a path. The name of an origin's group has a space after the host.
_KEY = re.compile(r"[a-z][a-z0-9+.-]*://[^ /]+/")

Slots = Sequence[int]


class Clock(Protocol):
    """Tells a store in memory whether one of a response's groups was dropped since its request."""

    def now(self) -> int:
        """Return the time that a request records before it is forwarded."""
        ...

    def is_dropped(self, slots: Slots, started: int) -> bool:
        """Return whether one of the groups was dropped at or after this time."""
        ...

    def drop(self, names: Iterable[str]) -> None:
        """Drop the groups: responses whose requests started before now are no longer used."""
        ...


# Nothing drops these: a slot depends on the name alone.
@lru_cache(maxsize=1_024)
def slot_of(name: str) -> int:
    """Return the slot of a group; the same in every process, unlike hash()."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    number = int.from_bytes(digest, "big")
    if name.startswith(PREFIX):
        return GROUP_SLOTS + KEY_SLOTS + number % PREFIX_SLOTS
    return GROUP_SLOTS + number % KEY_SLOTS if _KEY.match(name) else number % GROUP_SLOTS


def slots_of(names: Iterable[str]) -> tuple[int, ...]:
    """Return the slots of several groups."""
    return tuple(slot_of(name) for name in names_of("names", names))


class GroupClock:
    """The clock of one process. Readers take no lock; a drop holds one for some microseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _stamps(self) -> "memoryview[int]":
        return memoryview(bytearray(CLOCK_BYTES)).cast("Q")

    def now(self) -> int:
        """Return nanoseconds of CLOCK_MONOTONIC, which all processes of a host share."""
        return time.monotonic_ns()

    def is_dropped(self, slots: Slots, started: int) -> bool:
        """Return whether one of the groups was dropped at or after this time."""
        # An aligned 8-byte item is read in one piece, so readers need not wait for a writer.
        stamps = self._stamps
        for slot in slots:  # noqa: SIM110 - any() with a generator takes three times as long.
            if stamps[slot] >= started:
                return True
        return False

    def drop(self, names: Iterable[str]) -> None:
        """Drop the groups in this process."""
        slots = slots_of(names)
        with self._lock:
            self._stamp(slots)

    def _stamp(self, slots: Slots) -> None:
        now = self.now()
        for slot in slots:
            self._stamps[slot] = now


class SharedGroupClock(GroupClock):
    """The clock of all processes of a host, in a file that they map into memory.

    A drop in one process is seen by the next read in any other. `path` should
    be on a local file system. The file is opened at the first use, which makes it
    and its folder where they are missing, and empties it if it was written before
    the machine was started (CLOCK_MONOTONIC begins anew). It may be opened before
    or after a fork.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path)
        self._opening = threading.Lock()
        self._map: mmap.mmap | None = None
        self._file = -1
        self._is_closed = False

    @cached_property
    def _stamps(self) -> "memoryview[int]":
        # Two threads may come here at once: the second uses what the first has opened.
        with self._opening:
            if self._is_closed:
                raise ValueError("the clock is closed")
            if self._map is None:
                self._map = self._open()
            return memoryview(self._map).cast("Q")

    def open(self) -> None:
        """Open the file now, so that an error is raised here and not by a request: OSError."""
        _ = self._stamps

    def _open(self) -> mmap.mmap:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with _FileLock(self._file):
                return self._map_file()
        except OSError:
            os.close(self._file)
            raise

    def _map_file(self) -> mmap.mmap:
        # Neither emptied nor made shorter: processes of another release may have it mapped.
        missing = CLOCK_BYTES - os.fstat(self._file).st_size
        if missing > 0:
            # Zeros and no hole: while the disk is full, a drop there ends the process (SIGBUS).
            with open(self._file, "ab", closefd=False) as file:
                file.write(bytes(missing))
        stamps = mmap.mmap(self._file, CLOCK_BYTES)
        if self._is_of_before():
            stamps[:] = bytes(CLOCK_BYTES)
        return stamps

    def _is_of_before(self) -> bool:
        """Say whether the file has times of before the machine was started."""
        # What is read here takes no memory, unlike each page of the map.
        blocks = (
            os.pread(self._file, _BLOCK_BYTES, at) for at in range(0, CLOCK_BYTES, _BLOCK_BYTES)
        )
        return max(max(memoryview(block).cast("Q")) for block in blocks) > self.now()

    def drop(self, names: Iterable[str]) -> None:
        """Drop the groups in all processes."""
        slots = slots_of(names)
        self.open()
        if self._is_closed:
            raise ValueError("the clock is closed")
        with self._lock, _FileLock(self._file):
            # The time is read under the lock, so that no slot goes backwards.
            self._stamp(slots)

    def close(self) -> None:
        """Close the file. Using the clock after that raises ValueError."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._map is not None:
            self._stamps.release()
            self._map.close()
            os.close(self._file)


class _FileLock:
    """A lock between processes. Not flock(): that one is shared by processes after a fork."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
