"""The listeners: load.c, compiled and run."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.servers import Running

SOURCE = Path(__file__).parent / "load.c"
CONNECT_SECONDS = 120
# The time stamp that messages have anyway, and the one in a post's text.
CREATED_KEY = '"created_at":'
SOURCE_KEY = '"source":"at '


@dataclass(frozen=True)
class Heard:
    """What the listeners got of the measured events."""

    deliveries: int
    # How many listeners got every event.
    complete: int
    # Events that came twice, or before an older one.
    repeated: int
    # Connections that ended.
    lost: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def compile_load(directory: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("a C compiler (cc) is needed for the listeners")
    target = directory / "load"
    subprocess.run([compiler, "-O2", "-o", target, SOURCE], check=True)
    return target


class Listeners:
    """Many listening connections, in a process of their own; all are open once it is made."""

    def __init__(
        self,
        load: Path,
        running: Running,
        count: int,
        *,
        key: str = CREATED_KEY,
        events: int = 0,
        warmup: float = 0,
        seconds: float = 0,
    ) -> None:
        command = [load, "127.0.0.1", running.port, count, running.mode, running.path,
                   key, events, warmup, seconds]  # fmt: skip
        pipe = subprocess.PIPE
        argv = [str(word) for word in command]
        self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stderr is not None
        if self._process.stderr.readline() != b"connected\n":
            self._process.wait()
            raise RuntimeError(f"{count} listeners cannot connect to {running.name}")

    def finish(self) -> Heard:
        """Return the result when everything has come or is too late; without events, at once."""
        output, _ = self._process.communicate(timeout=CONNECT_SECONDS)
        return Heard(**json.loads(output))


@contextlib.contextmanager
def listening(load: Path, running: Running, count: int) -> Iterator[None]:
    """Keep listeners connected that count nothing."""
    listeners = Listeners(load, running, count)
    try:
        yield
    finally:
        listeners.finish()
