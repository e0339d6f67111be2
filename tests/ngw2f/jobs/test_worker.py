import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from ngw2f.jobs.context import JobContext
from ngw2f.jobs.demand import demand_of
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.jobs.worker import NICE, ChatWorker, run_cron, run_worker
from ngw2f.settings import Settings
from ngw2f.store import previews
from ngw2f.store.database import Database
from tests.client import Client
from tests.queues import queue_of
from tests.waiting import HANGING_SECONDS, wait_until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            assert end == writer  # the test closed it


@pytest.fixture
def _signals_kept() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def told(reader: int) -> bytes:
    try:
        return os.read(reader, 100)
    except BlockingIOError:
        return b""


@pytest.mark.usefixtures("_signals_kept")
def test_retires_once_after_its_jobs(
    job_context: JobContext, redis: Redis, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1)
    reader, writer = pipe
    queue = queue_of(redis)
    worker = ChatWorker(job_context, QUEUES, 2, writer)
    for expected in (b"", b"retire\n", b""):
        queue.enqueue("ngw2f.jobs.render.render_messages")
        worker.work(burst=True, logging_level="WARNING")
        assert told(reader).replace(b"ready\n", b"") == expected
    worker.connection.close()


def test_workers_do_not_retire_together(job_context: JobContext) -> None:
    workers = [ChatWorker(job_context, QUEUES, 1000, None) for _ in range(20)]
    assert len({worker._jobs_left for worker in workers}) > 1
    assert all(900 <= worker._jobs_left <= 1100 for worker in workers)


def start(
    command: str, settings: Settings, *options: str, pass_fds: list[int] | tuple[()] = ()
) -> subprocess.Popen[bytes]:
    environ = os.environ | {
        "NGW2F_DATA_DIR": settings.data_dir,
        "NGW2F_DATABASE_URL": settings.database_url,
        "NGW2F_REDIS_URL": settings.redis_url,
        "NGW2F_REDIS_TIMEOUT_SECONDS": str(settings.redis_timeout_seconds),
    }
    argv = [sys.executable, "-m", "ngw2f", command, *options]
    return subprocess.Popen(argv, env=environ, pass_fds=pass_fds)


@pytest.mark.parametrize("command", ["worker-process", "cron"])
def test_ends_with_its_lifeline(settings: Settings, pipe: tuple[int, int], command: str) -> None:
    lifeline, leash = pipe
    process = start(command, settings, f"--lifeline={lifeline}", pass_fds=[lifeline])
    os.close(leash)
    try:
        # The cron ends by the signal itself, after the handlers of its own.
        assert process.wait(HANGING_SECONDS) in {0, -signal.SIGTERM}
    finally:
        process.kill()
        process.wait()


def test_says_that_it_is_ready_and_works(
    client: Client, settings: Settings, pipe: tuple[int, int]
) -> None:
    client.say(client.join("ann"), "*a*")
    reader, status = pipe
    process = start("worker-process", settings, f"--status={status}", pass_fds=[status])
    try:
        said = b""

        def is_ready() -> bool:
            nonlocal said
            said += told(reader)
            return b"ready\n" in said

        wait_until(is_ready)
        wait_until(lambda: b"works\n" in told(reader))
        wait_until(lambda: client.get("/api/messages/1").json["rendered"])
        process.terminate()
        assert process.wait(HANGING_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def has_due(settings: Settings) -> int:
    database = Database(settings.sqlalchemy_url)
    with database.reading() as connection:
        count, _ = previews.measure_outbox(connection, time.time())
    database.close()
    return count


def test_asks_for_whom_a_link_needs(
    client: Client, settings: Settings, pipe: tuple[int, int]
) -> None:
    """Until there is a link, it answers for the other queue, too."""
    reader, status = pipe
    ann = client.join("ann")
    client.say(ann, "no link")
    options = ["--queues=render", "--starts=links", f"--status={status}"]
    process = start("worker-process", settings, *options, pass_fds=[status])
    try:
        wait_until(lambda: client.get("/api/messages/1").json["rendered"])
        assert client.get("/readyz").json["workers"] == "ok"
        assert demand_of("links") not in told(reader)
        client.say(ann, "http://127.0.0.1:1/")
        wait_until(lambda: demand_of("links") in told(reader))
        process.terminate()
        assert process.wait(HANGING_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("_signals_kept", "_spawned")
def test_runs_until_told_to_stop(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, so that it is measured too."""
    for name in ("data_dir", "database_url", "redis_url"):
        monkeypatch.setenv(f"NGW2F_{name.upper()}", getattr(settings, name))
    client.say(client.join("ann"), "*a* http://127.0.0.1:1/")

    def stop_when_rendered() -> None:
        wait_until(lambda: client.get("/api/messages/1").json["rendered"])
        wait_until(lambda: not has_due(settings))
        os.kill(os.getpid(), signal.SIGTERM)

    nice: list[int] = []
    monkeypatch.setattr("ngw2f.jobs.worker.be_nice", nice.append)
    stopper = threading.Thread(target=stop_when_rendered)
    stopper.start()
    run_worker(settings, QUEUES, None, None)
    stopper.join()
    assert nice == [NICE]


@pytest.mark.usefixtures("_signals_kept")
def test_cron_without_redis(settings: Settings, tmp_path: Path) -> None:
    away = msgspec.structs.replace(settings, redis_url=f"unix://{tmp_path}/none.sock")
    with pytest.raises(SystemExit, match="cannot reach Redis"):
        run_cron(away, None)


def test_two_workers(settings: Settings, client: Client) -> None:
    """As `ngw2f worker --workers 2`: both render, nothing twice."""
    process = start("worker", settings, "--workers=2")
    try:
        ann = client.join("ann")
        for number in range(40):
            client.say(ann, str(number))
        wait_until(lambda: all(m["rendered"] for m in client.get("/api/messages").json["messages"]))
    finally:
        process.terminate()
        assert process.wait(HANGING_SECONDS) == 0
