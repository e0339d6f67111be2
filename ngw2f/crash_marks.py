"""Crash marks: a record of what a worker was working on when it died.

A process writes the number of its current message or link to a file mapped into its memory,
which costs nothing and survives the process, whatever kills it. The file is locked while the
process lives, so an unlocked one names what its owner died of.
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


class CrashMark:
    """The mark of one process, which makes its file at first use, hence after a fork.

    0 means that the process works on nothing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path: Path | None = None

    def set(self, number: int) -> None:
        if self._path is None:
            self._path = self._open()
        NUMBER.pack_into(self._map, 0, number)

    def close(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._map.close()
            os.close(self._file)
            self._path = None

    def _open(self) -> Path:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Rename the file to its final name only once it is locked.
        self._file, path = tempfile.mkstemp(prefix="new.", dir=self._directory)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, bytes(NUMBER.size))
        self._map = mmap.mmap(self._file, NUMBER.size)
        return Path(path).rename(path.replace("new.", "mark."))


@contextmanager
def left_by_crashes(directory: Path) -> Iterator[list[int]]:
    """Yield the numbers that dead processes left; forget them if the block succeeds."""
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
    """Lock a dead process's file and return its number; None if the process lives."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None  # Another process has read it.
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
