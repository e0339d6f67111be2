"""The pool of workers as an operator runs it, and what it goes through."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest
from redis.exceptions import RedisError

from ngw2f.broker.connection import Broker, connect
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.links import MAX_UNSTORED
from ngw2f.jobs.wakeup import LINKS, WakeUp
from ngw2f.links.guard.sites import MAX_AT_SITE
from ngw2f.server.valkey import valkey_spec
from ngw2f.settings import Settings
from tests.client import Client
from tests.ngw2f.jobs.conftest import WebSite
from tests.waiting import HANGING_SECONDS, wait_until

# What tells the pids of a pool's workers.
Pids = Callable[[], list[int]]

POSTS = 80
SECONDS = HANGING_SECONDS
LOCKED_SECONDS = 1.5


class Valkey:
    """A server of the test's own, which it may stop, empty, start and hold."""

    def __init__(self, directory: Path) -> None:
        self._settings = Settings(data_dir=str(directory))
        self._directory = directory / "valkey"
        self.url = f"unix://{directory}/valkey.sock"
        self.start()

    def start(self) -> None:
        self._directory.mkdir(parents=True)
        argv = valkey_spec(self._settings).argv
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        wait_until(self._answers)

    def _answers(self) -> bool:
        with connect(self._settings, 5.0) as redis:
            try:
                return bool(redis.ping())
            except RedisError:
                return False

    def lose_all(self) -> None:
        self.process.terminate()
        self.process.wait(SECONDS)
        shutil.rmtree(self._directory)

    def close(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(SECONDS)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path / "broker")
    yield valkey
    valkey.close()


@pytest.fixture
def settings(settings: Settings, valkey: Valkey) -> Settings:
    """With the chat's own time-out: whoever posts does not wait for a Redis that hangs."""
    timeout = Settings().redis_timeout_seconds
    return msgspec.structs.replace(settings, redis_url=valkey.url, redis_timeout_seconds=timeout)


@pytest.fixture
def start_pool(settings: Settings, client: Client) -> Iterator[Callable[..., Pids]]:
    """Give a function that runs `ngw2f worker`; it returns what tells the pids of its workers."""
    processes = []
    environment = {
        **os.environ,
        "NGW2F_DATA_DIR": settings.data_dir,
        "NGW2F_DATABASE_URL": settings.database_url,
        "NGW2F_REDIS_URL": settings.redis_url,
        "NGW2F_LINKS_ALLOW": ",".join(settings.links_allow),
        "NGW2F_LINKS_TIMEOUT_SECONDS": str(settings.links_timeout_seconds),
    }

    def start(*options: str) -> Pids:
        command = [sys.executable, "-m", "ngw2f", "worker", *options]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        wait_until(lambda: client.get("/readyz").status_int == 200, SECONDS)
        return partial(children, processes[-1].pid, "worker-process")

    yield start
    for process in processes:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture
def pool(start_pool: Callable[..., Pids]) -> Pids:
    return start_pool()


def children(parent: int, what: str) -> list[int]:
    """Return the children of a process whose command lines have *what* (Linux's /proc)."""
    found = []
    # Any of them may have just ended.
    with suppress(OSError):
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with suppress(OSError):
                if what in Path(f"/proc/{pid}/cmdline").read_text():
                    found.append(int(pid))
    return found


@pytest.fixture
def post(client: Client, site: WebSite) -> Callable[[int], object]:
    ann = client.join("Ann")
    return lambda number: client.say(ann, site.url(f"/{number}"))


@pytest.fixture
def all_shown(client: Client) -> Callable[[], object]:
    """Give a function that waits until every message has its preview."""

    def is_so() -> bool:
        messages = client.get("/api/messages?limit=200").json["messages"]
        assert len(messages) == POSTS
        return all(message["previews"] for message in messages)

    return lambda: wait_until(is_so, SECONDS)


def test_same_link_by_several_workers(
    start_pool: Callable[..., Pids],
    client: Client,
    site: WebSite,
    all_shown: Callable[[], object],
    settings: Settings,
) -> None:
    """All of them are called to it again and again while it is posted and fetched."""
    start_pool("--queues=render,links", "--workers=3")
    ann = client.join("Ann")
    with closing(Broker(settings)) as broker:
        wait_until(lambda: Heartbeats(broker).count("links") == 3, SECONDS)
        wakeup = WakeUp(broker, LINKS)
        for _ in range(POSTS):
            client.say(ann, site.url("/short-hang"))
            wakeup.wake_again()
        all_shown()
    assert site.paths == ["/short-hang"]


def test_killed_workers_lose_nothing(
    pool: Pids, post: Callable[[int], object], site: WebSite, all_shown: Callable[[], object]
) -> None:
    for number in range(POSTS):
        if number % 40 == 30:
            for pid in pool():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        post(number)
    all_shown()
    assert set(Counter(site.paths).values()) == {1}


def test_killed_with_all_that_they_started(
    pool: Pids, post: Callable[[int], object], site: WebSite, all_shown: Callable[[], object]
) -> None:
    killed = 0
    for number in range(POSTS):
        if number % 40 == 30:
            workers = pool()
            fetchers = [pid for worker in workers for pid in children(worker, "fetcher")]
            killed += len(fetchers)
            for pid in [*workers, *fetchers]:
                # One that has nothing to do ends by itself when its worker is gone.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        post(number)
    all_shown()
    assert killed
    # Those alone are asked for again that were on their way, or whose results were not stored.
    assert len(site.paths) <= POSTS + (MAX_AT_SITE + MAX_UNSTORED) * killed


def test_lost_queue_loses_nothing(
    pool: Pids,
    post: Callable[[int], object],
    site: WebSite,
    all_shown: Callable[[], object],
    valkey: Valkey,
    settings: Settings,
) -> None:
    for number in range(POSTS):
        if number % 50 == 25:
            with connect(settings) as redis:
                redis.flushall()
        post(number)
    all_shown()
    assert set(Counter(site.paths).values()) == {1}


def test_redis_that_was_stopped_and_lost_all(
    pool: Pids,
    post: Callable[[int], object],
    site: WebSite,
    all_shown: Callable[[], object],
    valkey: Valkey,
) -> None:
    for number in range(POSTS):
        if number == 25:
            valkey.lose_all()
        if number == 75:
            valkey.start()
        post(number)
    all_shown()
    assert set(Counter(site.paths).values()) == {1}


def test_redis_that_hangs(
    pool: Pids,
    post: Callable[[int], object],
    site: WebSite,
    all_shown: Callable[[], object],
    valkey: Valkey,
) -> None:
    """It takes connections and says nothing: whoever posts is answered all the same."""
    for number in range(POSTS):
        if number == 25:
            valkey.process.send_signal(signal.SIGSTOP)
        post(number)
    valkey.process.send_signal(signal.SIGCONT)
    all_shown()
    assert set(Counter(site.paths).values()) == {1}


def test_database_that_was_locked(
    pool: Pids,
    post: Callable[[int], object],
    site: WebSite,
    all_shown: Callable[[], object],
    settings: Settings,
) -> None:
    """What is fetched meanwhile waits to be stored, and so do those who post."""
    is_locked = threading.Event()

    def lock() -> None:
        with closing(sqlite3.connect(settings.data_path / "chat.sqlite3", timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")
            is_locked.set()
            time.sleep(LOCKED_SECONDS)
            database.rollback()

    locker = threading.Thread(target=lock)
    for number in range(POSTS):
        if number == 50:
            locker.start()
            is_locked.wait()
        post(number)
    locker.join()
    all_shown()
    assert set(Counter(site.paths).values()) == {1}
