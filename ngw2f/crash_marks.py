"""What a worker is at, kept where its death does not reach.

A process notes the message that it renders in a file that is mapped into its memory: that
costs nothing, and outlives it, whatever kills it. The file is locked for as long as the
process lives; so whoever finds one that is not locked knows what its owner died of.
"""

import fcntl
import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NUMBER = struct.Struct("q")


class Mark:
    """One process's file; 0 stands for nothing."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It gets the name by which others find it when it is locked.
        self._file, path = tempfile.mkstemp(prefix="new.", dir=directory)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, bytes(NUMBER.size))
        self._map = mmap.mmap(self._file, NUMBER.size)
        self._path = Path(path).rename(path.replace("new.", "mark."))

    def set(self, number: int) -> None:
        NUMBER.pack_into(self._map, 0, number)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


@contextmanager
def left_behind(directory: Path) -> Iterator[list[int]]:
    """Give what processes were at when they died; it is forgotten when the block ends well."""
    files: list[int] = []
    found: list[tuple[Path, int]] = []
    try:
        for path in directory.glob("mark.*"):
            number = _read_dead(path, files)
            if number is not None:
                found.append((path, number))
        yield [number for _, number in found if number]
        for path, _ in found:
            path.unlink()
    finally:
        for file in files:
            os.close(file)


def _read_dead(path: Path, files: list[int]) -> int | None:
    """Return the number in the file of a dead process, locked from here on; None: it lives."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None  # Another one has read it.
    files.append(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    content = os.read(file, NUMBER.size)
    if not os.fstat(file).st_nlink or len(content) != NUMBER.size:
        return None
    number: int = NUMBER.unpack(content)[0]
    return number
