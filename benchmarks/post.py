"""What one post costs, part by part, and how many are acknowledged, beside a bare application.

Each message has Markdown and a link of its own to a site on this machine, and an author among
hundreds, so that no limit is reached. Rendering and links go on meanwhile, as they do in a chat.
The bare application is measured before and after each rate, under the same gunicorn settings.

1. For each number of connections: posts a second, as a ratio to the bare application's requests,
   the slowest of a hundred, when the last message was rendered, and the processor time of each
   process for a post.
2. The microseconds of each part of a post in the web process, under 8 connections, by a
   stopwatch, which adds a tenth (benchmarks/post_conf.py).

Run: python -m benchmarks.post [--seconds N] [--connections N ...] [--postgresql]
PostgreSQL is started here, and waits 5 ms for each sync.
"""

import argparse
import contextlib
import itertools
import json
import math
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rq import Worker
from sqlalchemy import select

from benchmarks.load import TICKS_PER_SECOND, Answer, Server, request_bytes, running
from ngw2f.broker.connection import connect
from ngw2f.settings import Settings
from ngw2f.store import tokens, users
from ngw2f.store.database import Database
from ngw2f.store.render_queue import IS_WAITING
from ngw2f.store.schema import messages
from tests.postgresql import running_postgresql

CONNECTIONS = (1, 8, 32, 128)
# One may post 600 messages a minute.
AUTHORS = 200
MAX_RENDER_SECONDS = 60
SLOW_SYNC = "-c fsync=on -c commit_delay=5000 -c commit_siblings=0"
SOURCE = "message *{number}* of the benchmark: http://{site}/{number}\n\n- one\n- `two`"

Bodies = Iterator[bytes]


@dataclass(frozen=True)
class Measured:
    """How a load was answered: its seconds, and those of each request in order."""

    seconds: float
    waits: list[float]

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds


class Chat:
    """A running chat with its authors, and where its processes are."""

    def __init__(self, server: Server, settings: Settings, site: str) -> None:
        self.server, self.settings, self.site = server, settings, site
        self.database = Database(settings.sqlalchemy_url)
        self._numbers = itertools.count(1)
        with self.database.writing() as connection:
            authors = [
                users.create_user(connection, f"bench{n}", f"bench{n}", "none")
                for n in range(AUTHORS)
            ]
            self._tokens = [tokens.create_token(connection, author.id, 1) for author in authors]

    def posts(self) -> Bodies:
        """Make requests, each with a message of its own."""
        for number in self._numbers:
            source = SOURCE.format(number=number, site=self.site)
            content = json.dumps({"source": source}).encode()
            token = self._tokens[number % AUTHORS]
            head = (
                "POST /api/messages HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            yield head.encode() + content

    def warm_up(self) -> None:
        """Let each author come online, and the processes start."""
        load(self.server, itertools.islice(self.posts(), 3 * AUTHORS), 8)
        self.wait_until_rendered()

    def wait_until_rendered(self) -> float:
        """Return the seconds until no message waited."""
        start = time.monotonic()
        while time.monotonic() - start < MAX_RENDER_SECONDS:
            with self.database.asking() as connection:
                if (
                    connection.execute(select(messages.c.id).where(IS_WAITING).limit(1)).first()
                    is None
                ):
                    return time.monotonic() - start
            time.sleep(0.05)
        return float("inf")

    def processes(self) -> dict[str, list[int]]:
        """Return the ids of the processes that a post needs, by their work."""
        with connect(self.settings, 5.0) as redis:
            found = {"Valkey": [int(redis.info("server")["process_id"])]}
            for worker in Worker.all(connection=redis):
                name = " ".join(worker.queue_names()).removeprefix(self.settings.redis_prefix)
                found.setdefault(f"{name} worker", []).extend(_family(worker.pid))
        return found

    def costs(self) -> dict[str, float]:
        """Return the seconds of processor time that each kind of process has used."""
        used = {name: sum(map(_cpu_seconds, pids)) for name, pids in self.processes().items()}
        return {"web": self.server.cpu_seconds(), **used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, nargs="*", default=CONNECTIONS)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(
            running("benchmarks/bare_conf.py", "benchmarks.bare:application")
        )
        url = ""
        if options.postgresql:
            url = stack.enter_context(running_postgresql(SLOW_SYNC)).url
        with chat("gunicorn.conf.py", url) as there:
            there.warm_up()
            for connections in options.connections:
                print_rate(there, bare, connections, options.seconds)
        if not options.postgresql:
            print_parts(options.seconds)


def print_rate(there: Chat, bare: Server, connections: int, seconds: float) -> None:
    there.wait_until_rendered()
    request = itertools.repeat(request_bytes("/"))
    before = load(bare, request, connections, seconds / 4)
    used = there.costs()
    measured = load(there.server, there.posts(), connections, seconds)
    rendered = there.wait_until_rendered()
    costs = {name: each - used.get(name, 0.0) for name, each in there.costs().items()}
    after = load(bare, request, connections, seconds / 4)
    reference = (before.rate + after.rate) / 2
    slowest = [statistics.quantiles(each.waits, n=100)[-1] * 1e3 for each in (measured, after)]
    print(
        f"{connections:4} connections: {measured.rate:5.0f} posts/s, bare {reference:5.0f}/s, "
        f"ratio {measured.rate / reference:.3f}; p99 {slowest[0]:.0f} ms, bare {slowest[1]:.1f}; "
        f"all rendered {rendered:.1f} s after the last"
    )
    each = {name: 1e6 * cost / len(measured.waits) for name, cost in costs.items()}
    print("     µs CPU a post:", ", ".join(f"{name} {cost:.0f}" for name, cost in each.items()))


def print_parts(seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        path = Path(directory) / "parts"
        with chat("benchmarks/post_conf.py", "", {"BENCHMARK_PARTS": str(path)}) as there:
            there.warm_up()
            os.kill(there.server.worker(), signal.SIGUSR2)
            load(there.server, there.posts(), 8, seconds)
        parts = json.loads(path.read_text())
    print(f"\nthe web process under 8 connections: {sum(parts.values()):.0f} µs CPU a post")
    for part, cost in sorted(parts.items(), key=lambda each: -each[1]):
        print(f"  {cost:6.0f}  {part}")


@contextlib.contextmanager
def chat(
    configuration: str, database_url: str, environment: Mapping[str, str] | None = None
) -> Iterator[Chat]:
    """Run a chat with its embedded parts, and a site."""
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory, site() as place:
        added = {
            "NGW2F_DATA_DIR": directory,
            "NGW2F_LINKS_ALLOW": place,
            "NGW2F_DATABASE_URL": database_url,
        }
        settings = Settings(data_dir=directory, database_url=database_url)
        with running(configuration, "app:application", {**added, **(environment or {})}) as server:
            wait_until(lambda: is_ready(server.address))
            there = Chat(server, settings, place)
            with contextlib.closing(there.database):
                yield there


@contextlib.contextmanager
def site() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.site", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"127.0.0.2:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(30)


def load(server: Server, requests: Bodies, connections: int, seconds: float = math.inf) -> Measured:
    """Keep *connections* busy for *seconds*, or until all is sent; each answer is a 200 or 201."""
    host, port = server.address.split(":")
    selector = selectors.DefaultSelector()
    sent: dict[int, float] = {}
    waits = []
    start = time.perf_counter()
    for _ in range(connections):
        connection = socket.create_connection((host, int(port)))
        selector.register(connection, selectors.EVENT_READ, Answer())
        sent[connection.fileno()] = time.perf_counter()
        connection.sendall(next(requests))
    while sent:
        for key, _ in selector.select(10):
            connection = cast("socket.socket", key.fileobj)
            received = connection.recv(1 << 20)
            if received.startswith(b"HTTP/1.1 ") and received[9:12] not in (b"200", b"201"):
                raise ValueError(received.decode())
            if key.data.is_whole(received):
                now = time.perf_counter()
                waits.append(now - sent.pop(connection.fileno()))
                request = next(requests, b"") if now - start < seconds else b""
                if request:
                    sent[connection.fileno()] = now
                    connection.sendall(request)
    elapsed = time.perf_counter() - start
    for key in list(selector.get_map().values()):
        cast("socket.socket", key.fileobj).close()
    selector.close()
    return Measured(elapsed, waits)


def is_ready(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/readyz"):
        return True
    return False


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MAX_RENDER_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def _family(pid: int | None) -> Sequence[int]:
    """Return a process and its children (Linux's /proc)."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if pid is None or not children.exists():
        return []
    return [pid, *map(int, children.read_text().split())]


def _cpu_seconds(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


if __name__ == "__main__":
    main()
