"""The counts of all processes of a machine, in files that prometheus-client reads.

Each process writes its changes into its own files once a second. It uses `write` where
prometheus-client would map the files into memory: on a full disk `write` raises an error that
can be ignored, while a mapped file would kill the process (SIGBUS).

Each living process holds a lock, which ends with it, whatever killed it. Counts of dead
processes are added to those of all that ended earlier, and their gauges are dropped.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import fcntl
import json
import logging
import os
import secrets
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from ngw2f.locks import file_lock, is_locked
from ngw2f.observe.metrics.families import Family
from ngw2f.observe.metrics.tally import Tally

# How often a process writes its counts.
WRITE_SECONDS = 1.0

ALIVE = ".alive"
NEW = ".new"
VALUES = ".db"
# The name of the files with the counts of all ended processes.
ENDED = "ended"
# The kinds of values that are kept after their process.
LASTING = frozenset({"counter", "histogram"})
# The format of prometheus-client: the number of used bytes, then entries: the key's length, the
# key padded to a multiple of 8 bytes, the value, a time.
HEAD = struct.Struct("i4x")
LENGTH = struct.Struct("i")
VALUE = struct.Struct("dd")

log = logging.getLogger(__name__)


class ValueFile:
    """A file of values by key, held in memory and written completely when it has changed.

    It gets its final name at the first `write`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: Path | None = path.with_suffix(NEW)
        self._file = os.open(self._new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        self._image = bytearray(HEAD.size)
        self._places: dict[str, int] = {}
        self._is_changed = True

    def set(self, key: str, value: float) -> None:
        place = self._places.get(key)
        if place is None:
            place = self._add(key)
        packed = VALUE.pack(value, 0.0)
        if self._image[place : place + VALUE.size] != packed:
            self._image[place : place + VALUE.size] = packed
            self._is_changed = True

    def write(self) -> None:
        """Write the file if it has changed. Raises OSError; the older content stays."""
        if not self._is_changed:
            return
        # Write the head last, as it says how much of the rest is valid.
        entries = memoryview(self._image)[HEAD.size :]
        if os.pwrite(self._file, entries, HEAD.size) < len(entries):
            raise OSError("the disk is full")
        os.pwrite(self._file, HEAD.pack(len(self._image)), 0)
        self._is_changed = False
        if self._new:
            self._new.replace(self._path)
            self._new = None

    def close(self) -> None:
        os.close(self._file)

    def _add(self, key: str) -> int:
        encoded = key.encode()
        padding = b" " * (8 - (len(encoded) + LENGTH.size) % 8)
        self._image += LENGTH.pack(len(encoded)) + encoded + padding
        place = self._places[key] = len(self._image)
        self._image += VALUE.pack(0.0, 0.0)
        self._is_changed = True
        return place


def read_values(path: Path) -> Iterator[tuple[str, float]]:
    """Yield the keys and values of a file; if a power cut has truncated it, what is left."""
    image = path.read_bytes()
    with suppress(struct.error):
        (end,) = HEAD.unpack_from(image)
        place = HEAD.size
        while place < end:
            (length,) = LENGTH.unpack_from(image, place)
            key = image[place + LENGTH.size : place + LENGTH.size + length]
            place += LENGTH.size + length + 8 - (length + LENGTH.size) % 8
            (value, _) = VALUE.unpack_from(image, place)
            yield key.decode(), value
            place += VALUE.size


class Recorder:
    """Writes the files of this process, from `start` on, unless they cannot be created."""

    def __init__(self, directory: Path, tally: Tally) -> None:
        self._directory = directory
        self._tally = tally
        self._sign: int | None = None
        # One thread may write while another one closes.
        self._turn = threading.Lock()
        self._files: dict[str, ValueFile] = {}
        self._keys: dict[object, str] = {}
        self._name = ""
        self._has_failed = False

    def start(self) -> None:
        """Register this process; call it in the process itself, after any fork."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fold_dead(self._directory)
            self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
            self._sign = _say_alive(self._directory, self._name)
        except OSError as error:
            log.warning("/metrics does not count this process: %s", error)

    def write(self) -> None:
        """Write this process's counts for other processes to read."""
        with self._turn:
            if self._sign is not None:
                self._write()

    def close(self) -> None:
        """Write for the last time, and fold the counts into those of ended processes."""
        with self._turn:
            if self._sign is None:
                return
            self._write()
            for file in self._files.values():
                file.close()
            os.close(self._sign)
            self._sign = None
        fold_dead(self._directory)

    def _write(self) -> None:
        try:
            for family, ending, labels, value in self._tally.samples():
                self._file(family.kind).set(self._key(family, ending, labels), value)
            for file in self._files.values():
                file.write()
        except OSError as error:
            if not self._has_failed:
                log.warning("/metrics is not up to date: %s", error)
            self._has_failed = True
        else:
            self._has_failed = False

    def _file(self, kind: str) -> ValueFile:
        if kind not in self._files:
            self._files[kind] = ValueFile(self._directory / f"{kind}_{self._name}{VALUES}")
        return self._files[kind]

    def _key(self, family: Family, ending: str, labels: dict[str, str]) -> str:
        known = (family, ending, *labels.values())
        key = self._keys.get(known)
        if key is None:
            described = [family.name, family.name + ending, labels, family.about]
            key = self._keys[known] = json.dumps(described, sort_keys=True)
        return key


def fold_dead(directory: Path) -> None:
    """Add the counts of dead processes to those of all that have ended."""
    try:
        with lock_files(directory, shared=False):
            _fold_dead(directory)
    except FileNotFoundError:
        return  # No process has counted yet.
    except OSError as error:
        # The next call adds them.
        log.warning("the counts of processes that have ended are not added yet: %s", error)


def _fold_dead(directory: Path) -> None:
    for sign in [path for path in directory.glob(f"*{ALIVE}") if not is_locked(path)]:
        files = list(directory.glob(f"*_{sign.stem}{VALUES}"))
        for path in files:
            if _kind(path) in LASTING:
                _add_to_ended(directory, path)
            path.unlink()
        sign.unlink()


def begin_anew(directory: Path) -> None:
    """Delete the counts of ended processes, unless a process of another server still counts.

    Called at a server's start, so that the counts of old versions do not stay for ever.
    """
    fold_dead(directory)
    with suppress(OSError):
        if not any(directory.glob(f"*{ALIVE}")):
            for path in [*directory.glob(f"*{VALUES}"), *directory.glob(f"*{NEW}")]:
                path.unlink()


def lock_files(directory: Path, *, shared: bool) -> AbstractContextManager[None]:
    """Lock the set of files for a block, *shared* for reading, else for changing it."""
    return file_lock(directory / "lock", shared=shared)


def _kind(path: Path) -> str:
    return path.name.rpartition("_")[0]


def _add_to_ended(directory: Path, dead: Path) -> None:
    ended = directory / f"{_kind(dead)}_{ENDED}{VALUES}"
    values = Counter(dict(read_values(ended))) if ended.exists() else Counter[str]()
    values.update(dict(read_values(dead)))
    # Replace the file, so that nobody sees it half written.
    file = ValueFile(ended)
    try:
        for key, value in values.items():
            file.set(key, value)
        file.write()
    finally:
        file.close()


def _say_alive(directory: Path, name: str) -> int:
    """Create and lock this process's `.alive` file; return its descriptor."""
    new = directory / f"{name}{NEW}"
    lock = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
    # Lock it before others can see it and think the process dead.
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.replace(directory / f"{name}{ALIVE}")
    return lock
