"""How fast waiting messages are rendered: by one of our workers, by stock RQ, by Celery.

All three run in turn on this machine, on a fresh SQLite and a Valkey of their own, and do
the same to each message: render, store, find its links, record an event and publish it.
Ours takes waiting messages in batches; stock RQ (one worker, which forks for each job) and Celery
(prefork, 2 processes) have a job for each message. The time is from the moment when the
work is queued, for a worker that is already running, until the last message is stored.

Celery is not one of our requirements: it is installed in a temporary place.

Run: python -m benchmarks.queue
"""

import contextlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Queue

from ngw2f.broker.connection import Broker, connect
from ngw2f.jobs.wakeup import RENDER, WakeUp
from ngw2f.server.valkey import valkey_spec
from ngw2f.settings import Settings
from ngw2f.store import messages, render_queue, users
from ngw2f.store.database import Database
from ngw2f.store.migrate import migrate
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.text.plain import plain_html

SOURCE = "hello *world*, see http://example.com and `code` number {number}"
OURS, RQ, CELERY = 5_000, 300, 3_000
ROUNDS = 3
START_SECONDS = 4
MAX_SECONDS = 120
CELERY_REQUIREMENT = "celery[redis]>=5.6,<6"


class Bench:
    """A data directory, its Valkey and its database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.sqlalchemy_url)
        self.broker = Broker(settings)
        socket = str(settings.data_path / "valkey.sock")
        self.environment = {
            **os.environ,
            "NGW2F_DATA_DIR": settings.data_dir,
            "BENCHMARK_SOCKET": socket,
        }
        with self.database.writing() as connection:
            self._user_id = users.create_user(connection, "Ann", "ann", "hash").id

    def post(self, count: int) -> list[int]:
        """Store messages for rendering; return their ids."""
        sources = [SOURCE.format(number=number) for number in range(count)]
        with self.database.writing() as connection:
            return [
                messages.create_message(
                    connection, LOBBY_ID, self._user_id, source, plain_html(source)
                ).id
                for source in sources
            ]

    def wait(self, started_at: float) -> float:
        """Return the seconds from then until no message waits."""
        while time.perf_counter() - started_at < MAX_SECONDS:
            with self.database.reading() as connection:
                if not render_queue.has_waiting(connection, time.time() + 1):
                    return time.perf_counter() - started_at
            time.sleep(0.01)
        raise TimeoutError("the messages are not rendered")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ngw2f-bench-") as directory:
        celery = install_celery(Path(directory))
        ours, rq, celerys = [], [], []
        for _ in range(ROUNDS):
            ours.append(measure_ours())
            rq.append(measure_rq())
            celerys.append(measure_celery(celery))
    for name, rates in (("ours", ours), ("stock RQ", rq), ("Celery", celerys)):
        line = ", ".join(f"{rate:.0f}" for rate in rates)
        print(f"{name:10} {sorted(rates)[len(rates) // 2]:8.0f} messages/s  ({line})")
    print(f"ours to stock RQ: {median_ratio(ours, rq):.1f}, to Celery: "
          f"{median_ratio(ours, celerys):.1f}")  # fmt: skip


def median_ratio(first: list[float], second: list[float]) -> float:
    ratios = sorted(a / b for a, b in zip(first, second, strict=True))
    return ratios[len(ratios) // 2]


def measure_ours() -> float:
    command = [sys.executable, "-m", "ngw2f", "worker-process", "--queues=render"]
    with bench() as there, running(command, there):
        there.post(OURS)
        started_at = time.perf_counter()
        WakeUp(there.broker, RENDER).wake()
        return OURS / there.wait(started_at)


def measure_rq() -> float:
    command = [sys.executable, "-m", "benchmarks.one_by_one", "rq"]
    with bench() as there, running(command, there):
        queue = Queue("one-by-one", connection=there.broker.redis)
        return one_by_one(
            there,
            RQ,
            lambda message_id: queue.enqueue(
                "benchmarks.one_by_one.render_message", message_id, result_ttl=0
            ),
        )


def measure_celery(python: str) -> float:
    options = ["worker", "--pool=prefork", "--concurrency=2", "--loglevel=ERROR"]
    command = [python, "-m", "celery", "-A", "benchmarks.one_by_one", *options]
    with bench() as there, running(command, there):
        # The client of Celery is not installed here; its own Python sends the tasks.
        ids = there.post(CELERY)
        send = (
            "import sys; from benchmarks.one_by_one import celery_render as render\n"
            "for number in range(int(sys.argv[1]), int(sys.argv[2])): render.delay(number)"
        )
        started_at = time.perf_counter()
        subprocess.run(
            [python, "-c", send, str(ids[0]), str(ids[-1] + 1)],
            env=there.environment,
            check=True,
        )
        return CELERY / there.wait(started_at)


def one_by_one(there: Bench, count: int, enqueue: Callable[[int], object]) -> float:
    ids = there.post(count)
    started_at = time.perf_counter()
    for message_id in ids:
        enqueue(message_id)
    return count / there.wait(started_at)


def install_celery(directory: Path) -> str:
    """Return a Python with Celery and everything that this one has."""
    subprocess.run([sys.executable, "-m", "venv", directory / "venv"], check=True)
    python = str(directory / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, CELERY_REQUIREMENT], check=True)
    places = sysconfig.get_path("purelib", vars={"base": str(directory / "venv")})
    (Path(places) / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        settings = Settings(data_dir=directory)
        migrate(settings)
        spec = valkey_spec(settings)
        valkey = subprocess.Popen(spec.argv, preexec_fn=spec.prepare, stdin=subprocess.DEVNULL)
        try:
            with connect(settings, 5.0) as redis:
                wait_for(redis)
            there = Bench(settings)
            yield there
            there.database.close()
            there.broker.close()
        finally:
            valkey.terminate()
            valkey.wait(10)


@contextlib.contextmanager
def running(command: list[str], there: Bench) -> Iterator[None]:
    """Run a worker, and give it time to start."""
    silent = subprocess.DEVNULL
    worker = subprocess.Popen(
        command, env=there.environment, stdin=silent, stdout=silent, stderr=silent
    )
    try:
        time.sleep(START_SECONDS)
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def wait_for(redis: Redis) -> None:
    while True:
        with contextlib.suppress(RedisConnectionError):
            redis.ping()
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
