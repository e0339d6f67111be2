"""What Socket.IO's clients cost two servers, beside python-socketio with sticky sessions.

    python -m benchmarks.socketio [--clients 2000] [--events 10] [--rounds 3]

Both have two processes and one Redis. A client of the chat connects to whichever worker the
kernel chooses, one of python-socketio to its own server by port, as if nginx were sticky. Events
follow one another when all clients have received the last one. The figures are the median and the
range of the rounds: the processor time of the processes that serve, and of Redis, for one event
and client, and the memory (PSS) of a client that waits.
"""

import argparse
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
import socketio

from benchmarks.socketio.crowd import KINDS, Crowd
from examples.transcript.machine import free_port
from tests.live.server import ChatServer, RedisServer
from tests.waiting import wait_until

SERVERS = 2
PROJECT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
EVENT_SECONDS = 120
# An event of the first clients, for what arises only once.
WARM_UP_CLIENTS = 50
# What is opened and closed settles meanwhile.
CALM_SECONDS = 2


@dataclass(frozen=True)
class Running:
    """Servers, where their clients connect, and how they are told of an event."""

    name: str
    ports: Sequence[int]
    pids: Sequence[int]
    redis_pid: int
    emit: Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time for one event and client, and kilobytes of one client."""

    server: float
    redis: float
    kilobytes: float


@contextlib.contextmanager
def chat() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        server = ChatServer(Path(directory), NGW2F_LOG_LEVEL="WARNING")
        server.start(SERVERS, queues="")
        try:
            token = server.register("ann")
            pids = wait_until(lambda: _if_all(server.web_workers()))

            def post(message: dict[str, Any]) -> None:
                server.call("POST", "/api/messages", token, json={"source": message["source"]})

            yield Running("the chat", [server.port], pids, server.redis.pid, post)
        finally:
            server.stop()


def _if_all(pids: list[int]) -> list[int] | None:
    return pids if len(pids) == SERVERS else None


@contextlib.contextmanager
def python_socketio() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory, contextlib.ExitStack() as stack:
        redis = RedisServer(Path(directory))
        redis.start()
        stack.callback(redis.stop)
        ports = [free_port() for _ in range(SERVERS)]
        masters = [stack.enter_context(_peer(port, redis.url, directory)) for port in ports]
        manager: Any = socketio.RedisManager(redis.url, write_only=True)
        pids = [wait_until(partial(_children, master))[0] for master in masters]
        for port in ports:
            wait_until(partial(_answers, port))

        def emit(message: dict[str, Any]) -> None:
            manager.emit("updated_model", {"class": "Message", "model": message})

        yield Running("python-socketio", ports, pids, redis.pid, emit)


@contextlib.contextmanager
def _peer(port: int, redis_url: str, directory: str) -> Iterator[int]:
    options = ["-k", "gevent", "-w", "1", "--worker-connections", "12000", "--keep-alive", "75"]
    command = [sys.executable, "-m", "gunicorn", *options, "--log-level", "warning"]
    process = subprocess.Popen(
        [*command, "-b", f"127.0.0.1:{port}", "benchmarks.socketio.peer:application"],
        env={**os.environ, "REDIS_URL": redis_url, "PYTHONPATH": str(PROJECT)},
        # Here gunicorn would read the chat's configuration.
        cwd=directory,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/socket.io/", timeout=1).status_code == 400
    except requests.RequestException:
        return False


def measure(running: Running, kind: str, clients: int, events: int) -> Cost:
    before = _memory_bytes(running.pids)
    crowd = Crowd(kind, running.ports, clients)
    try:
        time.sleep(CALM_SECONDS)
        memory = (_memory_bytes(running.pids) - before) / 1_000 / clients
        worked, redis_worked = _cpu_seconds(running.pids), _cpu_seconds([running.redis_pid])
        for number in range(1, events + 1):
            running.emit(_message(number))
            _wait_for(crowd, clients * number)
        worked = _cpu_seconds(running.pids) - worked
        redis_worked = _cpu_seconds([running.redis_pid]) - redis_worked
    finally:
        crowd.close()
    time.sleep(CALM_SECONDS)
    received = clients * events
    return Cost(worked / received * 1e6, redis_worked / received * 1e6, memory)


def _message(number: int) -> dict[str, Any]:
    """Return a message as the chat's event has it."""
    source, now = f"hello *{number}*", time.time()
    links = {"self": f"/api/messages/{number}", "user": "/api/users/1"}
    return {"id": number, "room_id": 1, "user_id": 1, "source": source, "html": f"<p>{source}</p>",
            "rendered": False, "created_at": now, "updated_at": now, "previews": [],
            "_links": links}  # fmt: skip


def _wait_for(crowd: Crowd, events: int) -> None:
    deadline = time.monotonic() + EVENT_SECONDS
    while crowd.events < events:
        assert time.monotonic() < deadline, f"{crowd.events} of {events} events have arrived"
        crowd.read(0.1)


def _cpu_seconds(pids: Sequence[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def _memory_bytes(pids: Sequence[int]) -> int:
    found = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found += next(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
    return found * 1024


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.socketio", description=__doc__)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    found: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(options.rounds):
        for kind in KINDS:
            # New ones: memory that earlier clients have left would serve the next ones.
            with chat() as ours, python_socketio() as theirs:
                for running in (ours, theirs):
                    measure(running, kind, WARM_UP_CLIENTS, 1)
                    cost = measure(running, kind, options.clients, options.events)
                    found.setdefault((kind, running.name), []).append(cost)
    print(f"{'transport':12}{'server':18}{'us server':>20}{'us Redis':>20}{'kB idle':>20}")
    for (kind, name), costs in found.items():
        columns = [
            [getattr(cost, each) for cost in costs] for each in ("server", "redis", "kilobytes")
        ]
        print(f"{kind:12}{name:18}" + "".join(f"{_spread(column):>20}" for column in columns))


def _spread(figures: Sequence[float]) -> str:
    middle = statistics.median(figures)
    return f"{middle:.1f} ({min(figures):.0f}-{max(figures):.0f})"


if __name__ == "__main__":
    main()
