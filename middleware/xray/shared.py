"""Show the recordings of all processes of a host in each: by a file of each in one folder.

A thread writes what has ended, so requests do not wait for it; while more ends than it may write,
only the newest are written. Under gevent it is a greenlet.
"""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from middleware.xray.packing import pack, unpack
from middleware.xray.trace import Trace

SUFFIX = ".traces"
# Bounds: of a trace, of a process's file, and of the number of files.
MAX_TRACE_BYTES = 256 * 1024
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_FILES = 32
# The pause before each write: at least this long, and this many times as long as the last write
# took, so that writing takes at most a fiftieth of the processor's time.
MIN_PAUSE_SECONDS = 0.05
PAUSE_FACTOR = 50
# Under gevent, others get their turn after this many traces.
MAX_AT_ONCE = 10


class Line(NamedTuple):
    """A trace in a file: when it began, its id, and all of it as JSON."""

    began_at: float
    id: str
    text: bytes


class SharedTraces:
    """The traces of the processes that use the same folder.

    `directory`: made if it is not there, readable by its owner only. It is not used if it is
        another user's, if others may write there, or if it is a link.
    `keep`: how many traces of each process.

    Pass `add` to `Recorder(ended=...)`, and the whole to `XRayMiddleware(shared=...)`.
    """

    def __init__(self, directory: Path, *, keep: int = 200) -> None:
        self.directory = directory
        self.keep = keep
        self.waiting: deque[Trace] = deque(maxlen=keep)
        # What the file has, for when it is written anew.
        self.written: deque[bytes] = deque(maxlen=keep)
        self.bytes = 0
        self.process = 0
        self.has_more = threading.Event()

    def add(self, trace: Trace) -> None:
        """Have a trace whose request is over written. It does not fail, nor wait for the disk."""
        if self.process != os.getpid():
            self.begin()
        self.waiting.append(trace)
        if not self.has_more.is_set():
            self.has_more.set()

    def begin(self) -> None:
        """Begin in this process, which may be a fork of one that has begun."""
        self.process = os.getpid()
        self.waiting.clear()
        self.written.clear()
        self.has_more = threading.Event()
        # The first write makes the file anew: an earlier process may have had the same number.
        self.bytes = MAX_FILE_BYTES
        threading.Thread(target=self.run, daemon=True, name="xray").start()

    def run(self) -> None:
        """Write whenever something has ended, again and again."""
        pause = MIN_PAUSE_SECONDS
        while True:
            self.has_more.wait()
            # A server adds to a trace when it has sent the response.
            time.sleep(pause)
            self.has_more.clear()
            began = time.perf_counter()
            # A full disk must not end it.
            with suppress(OSError):
                self.flush()
            pause = max(MIN_PAUSE_SECONDS, PAUSE_FACTOR * (time.perf_counter() - began))

    def flush(self) -> None:
        """Write what waits. Raises `OSError`."""
        lines: list[bytes] = []
        # Not what ends meanwhile: under load that has no end, and the pause must come.
        for _ in range(len(self.waiting)):
            trace = self.waiting.popleft()
            # What knows of the servers is not ours; if it fails, the others are written still.
            with suppress(Exception):
                text = json.dumps(pack(trace)).encode()
                if len(text) <= MAX_TRACE_BYTES:
                    lines.append(b"%.6f %s %s\n" % (trace.began_at, trace.id.encode(), text))
            if len(lines) % MAX_AT_ONCE == 0:
                time.sleep(0)
        if lines:
            self.write(lines)

    def write(self, lines: list[bytes]) -> None:
        self.written.extend(lines)
        added = b"".join(lines)
        path = self.directory / f"{self.process}{SUFFIX}"
        size = self.bytes + len(added)
        # If this fails, the next write makes the file anew: a full disk may have cut a line.
        self.bytes = MAX_FILE_BYTES
        if size <= MAX_FILE_BYTES:
            with open_private(path, os.O_APPEND) as file:
                file.write(added)
            self.bytes = size
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_private(self.directory):
            raise PermissionError(f"others may write in {self.directory}")
        self.remove_old()
        # At most half, or each write would be one of all.
        while sum(map(len, self.written)) > MAX_FILE_BYTES // 2:
            self.written.popleft()
        whole = b"".join(self.written)
        part = path.with_suffix(".part")
        with open_private(part, os.O_CREAT | os.O_TRUNC) as file:
            file.write(whole)
        part.replace(path)
        self.bytes = len(whole)

    def remove_old(self) -> None:
        """Remove files of processes that are gone, if there are too many, the oldest first."""
        found = sorted(self.directory.glob(f"*{SUFFIX}"), key=modified_at)
        too_many = max(0, len(found) - MAX_FILES + 1)
        for path in [path for path in found if not is_alive(path.stem)][:too_many]:
            path.unlink(missing_ok=True)

    # What others have written.

    def newest(self, count: int) -> list[Trace]:
        """Return the newest traces of all other processes, the oldest first."""
        lines = sorted(self.lines())[-count:] if count else []
        return [trace for line in lines for trace in traces_in(line)]

    def find(self, identity: str) -> Trace | None:
        """Return the trace of another process that has this id."""
        for line in self.lines():
            if line.id == identity:
                return next(traces_in(line), None)
        return None

    def lines(self) -> Iterator[Line]:
        others = self.directory.glob(f"*{SUFFIX}") if is_private(self.directory) else ()
        for path in others:
            # Its process may be writing: the last line may not be whole, or the file be gone.
            with suppress(OSError):
                if path.stem != str(os.getpid()):
                    for line in path.read_bytes().splitlines(keepends=True)[-self.keep :]:
                        yield from lines_in(line)


def open_private(path: Path, how: int) -> BinaryIO:
    """Open a file for writing that only this user may read."""
    return open(os.open(path, os.O_WRONLY | how, 0o600), "wb")


def is_private(directory: Path) -> bool:
    """Say whether nobody else may put a file there."""
    try:
        about = directory.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
    return is_ours and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def lines_in(line: bytes) -> Iterator[Line]:
    """Return what a line of a file says, if it is whole."""
    began_at, _, rest = line.partition(b" ")
    identity, _, text = rest.partition(b" ")
    with suppress(ValueError):
        if text.endswith(b"\n"):
            yield Line(float(began_at), identity.decode(), text)


def traces_in(line: Line) -> Iterator[Trace]:
    """Return the trace, unless another version of this module has written it."""
    with suppress(LookupError, TypeError, ValueError):
        trace = unpack(json.loads(line.text))
        if trace.visits:
            yield trace


def modified_at(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def is_alive(process: str) -> bool:
    """Say whether a process with this number runs."""
    if not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        # Another user's.
        return True
    return True


began_at = attrgetter("began_at")
