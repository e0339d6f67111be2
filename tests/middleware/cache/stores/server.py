"""A Redis or Valkey of the tests' own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.needs import lacking

START_SECONDS = 60


@contextmanager
def redis_server(place: Path) -> Iterator[str]:
    """Run a server on a Unix socket until the block ends; skip where there is none."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        lacking("redis-server or valkey-server", "apt-get install redis-server")
    path = place / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(place)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(path):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield str(path)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _listens(path: Path) -> bool:
    """The file is there before the server listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@contextmanager
def redis_client(path: str) -> Iterator[redis.Redis]:
    client = redis.Redis(unix_socket_path=path)
    try:
        yield client
    finally:
        client.close()
        client.connection_pool.disconnect()
