"""Links: how slow sites delay others, and what is lost or fetched twice when parts fail.

The chat under gunicorn, `ngw2f worker` (one that renders, one that fetches), a Valkey and a
site, each in its own process, started anew for each line.

Run: python -m benchmarks.links [hang] [half] [redis] [hung-redis] [killed] [all-killed]
    [locked]
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from benchmarks.api import sign_up
from benchmarks.load import running
from benchmarks.queue import wait_for
from benchmarks.rendering import Client
from benchmarks.site import address
from ngw2f.broker.connection import connect
from ngw2f.server.valkey import valkey_spec
from ngw2f.settings import Settings
from ngw2f.store.migrate import migrate

HANGING = (0, 31, 100, 128, 300, 600)
HALF = 100
POSTS = 1_000
POSTS_PER_SECOND = 100
REDIS_AWAY_SECONDS = 3.0
LOCKED_SECONDS = 5.0
KILL_SECONDS = 2.0
MAX_SECONDS = 90


class Chat:
    """A chat with its processes, and a client."""

    def __init__(self, settings: Settings, server: str, site_port: int) -> None:
        self.settings = settings
        self._site_port = site_port
        self._token = sign_up(server)
        self._server = server
        self._client = Client(server, self._token)

    def url(self, path: str, site: int = 1) -> str:
        return f"http://{address(site)}:{self._site_port}{path}"

    def post(self, source: str) -> float:
        """Return how many seconds the answer took."""
        started_at = time.perf_counter()
        self._client.post(source)
        return time.perf_counter() - started_at

    def count_shown(self, pattern: str) -> int:
        """Return the number of previews in the database with URLs like this."""
        query = "SELECT count(*) FROM previews WHERE title != '' AND url LIKE ?"
        return self.ask(query, pattern)

    def ask(self, query: str, *parameters: str) -> int:
        path = self.settings.data_path / "chat.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute(query, parameters).fetchone()[0])

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(self.url("/-/counts")) as response:
            counts: dict[str, int] = json.load(response)
            return counts


class Valkey:
    """The benchmark's own Valkey, which can be stopped, emptied and started."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directory = settings.data_path / "valkey"
        self.start()

    def start(self) -> None:
        # Without the parent-death signal: the parent would be the thread that starts it.
        self._directory.mkdir()
        argv = valkey_spec(self._settings).argv
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        with connect(self._settings, 5.0) as redis:
            wait_for(redis)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def lose_all(self) -> None:
        self.stop()
        shutil.rmtree(self._directory)


def main() -> None:
    lines: dict[str, Callable[[], None]] = {
        "hang": hang,
        "half": half,
        "redis": redis_lost,
        "hung-redis": redis_hung,
        "killed": worker_killed,
        "all-killed": all_killed,
        "locked": database_locked,
    }
    for name in sys.argv[1:] or lines:
        lines[name]()


def hang() -> None:
    """Post a link after many that hang, each at its own site."""
    for count in HANGING:
        with chat(sites=count + 1) as (there, *_):
            for number in range(count):
                there.post(there.url("/hang", 2 + number))
            posted_at = time.perf_counter()
            there.post(there.url("/good"))
            wait_until(lambda: there.count_shown("%/good") == 1)
            seconds = time.perf_counter() - posted_at
        print(f"a link behind {count} that hang: shown after {seconds:.2f} s")


def half() -> None:
    """Post links of which every other one hangs, each at its own site."""
    with chat(sites=2 * HALF) as (there, _, workers):
        started_at = time.perf_counter()
        for number in range(HALF):
            there.post(there.url("/hang", 2 * number + 1))
            there.post(there.url("/good", 2 * number + 2))
        wait_until(lambda: there.count_shown("%/good") == HALF)
        seconds = time.perf_counter() - started_at
        most = peak_megabytes(workers)
    print(f"{2 * HALF} links, half of them hang: the others shown after {seconds:.1f} s; {most}")


def redis_lost() -> None:
    def lose(_there: "Chat", valkey: Valkey, _workers: int) -> None:
        valkey.lose_all()
        time.sleep(REDIS_AWAY_SECONDS)
        valkey.start()

    with_fault(f"Redis away and empty for {REDIS_AWAY_SECONDS:g} s", lose)


def redis_hung() -> None:
    def hold(_there: "Chat", valkey: Valkey, _workers: int) -> None:
        valkey.process.send_signal(signal.SIGSTOP)
        time.sleep(REDIS_AWAY_SECONDS)
        valkey.process.send_signal(signal.SIGCONT)

    with_fault(f"Redis takes connections and hangs for {REDIS_AWAY_SECONDS:g} s", hold)


def worker_killed() -> None:
    with_fault(f"all workers killed every {KILL_SECONDS:g} s", partial(kill, with_theirs=False))


def all_killed() -> None:
    name = f"all workers and those that fetch for them killed every {KILL_SECONDS:g} s"
    with_fault(name, partial(kill, with_theirs=True))


def kill(_there: Chat, _valkey: Valkey, workers: int, *, with_theirs: bool) -> None:
    for _ in range(5):
        pids = children(workers, "worker-process")
        if with_theirs:
            pids += [child for pid in pids for child in children(pid, "fetcher")]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_SECONDS)


def database_locked() -> None:
    def lock(there: "Chat", _valkey: Valkey, _workers: int) -> None:
        path = there.settings.data_path / "chat.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED_SECONDS)
            database.rollback()

    with_fault(f"the database locked for {LOCKED_SECONDS:g} s", lock)


def with_fault(name: str, fault: Callable[["Chat", Valkey, int], None]) -> None:
    """Post links, 100 a second; cause the fault after a quarter of them."""
    with chat(sites=1) as (there, valkey, workers):
        trouble = threading.Thread(target=fault, args=[there, valkey, workers])
        waits, start = [], time.monotonic()
        for number in range(POSTS):
            if number == POSTS // 4:
                trouble.start()
            time.sleep(max(0.0, start + number / POSTS_PER_SECOND - time.monotonic()))
            waits.append(there.post(there.url(f"/{number}")))
        posted = time.monotonic() - start
        trouble.join()
        query = "SELECT count(*) FROM messages WHERE rendered"
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: there.ask(query) == POSTS)
            wait_until(lambda: there.count_shown("%") == POSTS)
        done = time.monotonic() - start
        rendered, shown, counts = there.ask(query), there.count_shown("%"), there.counts()
    again = {path: count for path, count in counts.items() if count > 1}
    print(
        f"{name}: {POSTS} posts in {posted:.1f} s, the slowest answer after "
        f"{1000 * max(waits):.0f} ms; after {done:.1f} s {rendered} rendered, {shown} previews; "
        f"{sum(counts.values())} requests, {len(again)} links asked for again"
    )


@contextlib.contextmanager
def chat(sites: int) -> Iterator[tuple[Chat, Valkey, int]]:
    """Run everything; return the chat, its Valkey, and the pid of the pool of workers."""
    with contextlib.ExitStack() as running_parts:
        directory = running_parts.enter_context(tempfile.TemporaryDirectory(prefix="ngw2f-"))
        site = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.site", str(sites)], stdout=subprocess.PIPE, text=True
        )
        running_parts.callback(end, site)
        assert site.stdout is not None
        port = int(site.stdout.readline())
        settings = Settings(data_dir=directory)
        migrate(settings)
        valkey = Valkey(settings)
        running_parts.callback(lambda: valkey.stop())
        environment = {
            "NGW2F_DATA_DIR": directory,
            "NGW2F_REDIS_URL": f"unix://{directory}/valkey.sock",
            "NGW2F_RATE_LIMIT": "false",
            "NGW2F_LOG_LEVEL": "WARNING",
            "NGW2F_LINKS_ALLOW": ",".join(f"{address(n + 1)}:{port}" for n in range(sites)),
        }
        workers = subprocess.Popen(
            [sys.executable, "-m", "ngw2f", "worker"],
            env={**os.environ, **environment},
            stderr=open(Path(directory) / "workers.log", "wb"),  # noqa: SIM115 # gone with the rest
        )
        running_parts.callback(end, workers)
        server = running_parts.enter_context(
            running("gunicorn.conf.py", "app:application", environment)
        ).address
        wait_until(lambda: is_ready(server))
        yield Chat(settings, server, port), valkey, workers.pid


def is_ready(server: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{server}/readyz"):
        return True
    return False


def end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait(30)


def children(parent: int, what: str) -> list[int]:
    """Return the processes below *parent* whose command line has *what* (Linux's /proc)."""
    pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for pid in map(int, pids) if what in Path(f"/proc/{pid}/cmdline").read_text()]


def peak_megabytes(workers: int) -> str:
    figures = []
    pids = children(workers, "worker-process")
    for pid in [*pids, *(child for each in pids for child in children(each, "fetcher"))]:
        status = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1]
        figures.append(f"{int(status.split()[0]) / 1024:.0f} MB")
    return f"workers' memory at most {', '.join(figures)}"


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MAX_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        with contextlib.suppress(RedisError):
            time.sleep(0.01)


if __name__ == "__main__":
    main()
