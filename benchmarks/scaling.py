"""The figures behind docs/scaling.md: memory of a stream, posts a second.

    python -m benchmarks.scaling [--streams N] [--seconds S] [--fsync off]

Streams are opened over TLS through nginx to one gunicorn worker and left idle. Posts are
made by processes that do what a web process does for each, on PostgreSQL, without HTTP:
the limit is the one lock of the events.
"""

import argparse
import contextlib
import multiprocessing
import os
import re
import ssl
import tempfile
import time
from pathlib import Path

from app import create_application
from ngw2f.broker.connection import connect
from ngw2f.settings import Settings
from ngw2f.store import users
from ngw2f.store.migrate import migrate
from ngw2f.store.rooms import LOBBY_ID
from tests.deploy.fleet import Fleet, running_fleet
from tests.live.server import RedisServer
from tests.postgresql import running_postgresql
from tests.processes import children_of
from tests.waiting import wait_until

REQUEST = b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
PROCESSES = (1, 2, 4)


def measure_memory(fleet: Fleet, count: int) -> None:
    front = fleet.client.front
    # It listens a moment before it has written the file.
    master = int(wait_until((front.run / "nginx.pid").read_text))
    groups = {"gunicorn": children_of(fleet.chats[0].pid), "nginx": children_of(master)}
    before = {name: memory(pids) for name, pids in groups.items()}
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(open_stream(fleet))
        for name, pids in groups.items():
            print(f"{name}: {(memory(pids) - before[name]) / count:.1f} kB a stream of {count}")


def open_stream(fleet: Fleet) -> ssl.SSLSocket:
    secure = fleet.client.secure_socket()
    secure.sendall(REQUEST)
    assert secure.recv(4096).startswith(b"HTTP/1.1 200 ")
    return secure


def memory(pids: list[int]) -> int:
    """Return what these processes have to themselves, and their share of the rest, in kB."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    found = [re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE) for text in texts]
    return sum(int(match[1]) for match in found if match)


def measure_posts(settings: Settings, seconds: float) -> None:
    """Print the posts a second; the lock of the events lets through one at a time."""
    for count in PROCESSES:
        with multiprocessing.get_context("spawn").Pool(count) as pool:
            posted = pool.starmap(post_for, [(settings, seconds, str(n)) for n in range(count)])
        print(f"{count} processes: {sum(posted) / seconds:.0f} posts/s")
    with connect(settings) as redis:
        ((_id, entry),) = redis.xrevrange(settings.redis_prefix + "events", count=1)
        print(f"an event of 'hello *world*': {sum(map(len, entry.values()))} bytes")


def measure_syncs(path: Path, count: int = 200) -> None:
    """Print the syncs a second of the disk: the most that single commits can reach."""
    with path.open("wb") as file:
        start = time.monotonic()
        for _ in range(count):
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
    print(f"fdatasync of 8 kB: {(time.monotonic() - start) / count * 1000:.1f} ms")


def post_for(settings: Settings, seconds: float, name: str) -> int:
    """Return how many messages this process has posted."""
    with contextlib.closing(create_application(settings)) as service:
        services = service.services
        with services.core.database.writing() as connection:
            nickname = f"{name}-{time.monotonic_ns()}"
            user_id = users.create_user(connection, nickname, nickname, "hash").id
        with services.core.database.reading() as connection:
            user = users.find_user(connection, user_id)
        assert user is not None
        posted, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            services.actions.messages.post(user, LOBBY_ID, "hello *world*")
            posted += 1
        return posted


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.scaling", description=__doc__)
    parser.add_argument("--streams", type=int, default=4_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--fsync", choices=["on", "off"], default="on")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="ngw2f-scaling-") as directory,
        running_postgresql(f"-c fsync={options.fsync}") as database,
        contextlib.ExitStack() as stack,
    ):
        redis = RedisServer(Path(directory))
        redis.start()
        stack.callback(redis.stop)
        settings = Settings(data_dir=directory, database_url=database.url, redis_url=redis.url)
        migrate(settings)
        measure_syncs(Path(directory) / "synced")
        measure_posts(settings, options.seconds)
        with running_fleet(Path(directory), database.url, redis.url, instances=1) as fleet:
            measure_memory(fleet, options.streams)


if __name__ == "__main__":
    main()
