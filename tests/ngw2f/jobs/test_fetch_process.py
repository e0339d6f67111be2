import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from ngw2f.jobs import fetch_process as module
from ngw2f.jobs.context import JobContext, current_context
from ngw2f.jobs.fetch_process import CALL, FetchProcess, FetchProcessError, run_fetch_process
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.settings import Settings
from ngw2f.store import previews
from tests.client import Client
from tests.ngw2f.jobs.conftest import WebSite
from tests.ngw2f.jobs.spawned import Nursery, Spawned
from tests.waiting import HANGING_SECONDS, wait_until

SECONDS = HANGING_SECONDS

pytestmark = pytest.mark.usefixtures("_spawned")


@pytest.fixture
def say(client: Client, job_context: JobContext) -> Callable[[str], None]:
    ann = client.join("Ann")

    def say_and_render(source: str) -> None:
        client.say(ann, source)
        render_messages()

    return say_and_render


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], FetchProcess]]:
    """Give a function that starts a fetch process, as each worker has its own."""
    started = []

    def start_one() -> FetchProcess:
        started.append(FetchProcess(settings, None))
        return started[-1]

    yield start_one
    for process in started:
        process.close()


@pytest.fixture
def fetch_process(start: Callable[[], FetchProcess]) -> FetchProcess:
    return start()


def test_fetches_when_it_is_called(
    fetch_process: FetchProcess, say: Callable[[str], None], site: WebSite, job_context: JobContext
) -> None:
    say(f"{site.url('/a')} {site.url('/b')}")
    assert fetch_process.fetch(job_context.stopping) == 2
    assert fetch_process.fetch(job_context.stopping) == 0
    say(site.url("/c"))
    assert fetch_process.fetch(job_context.stopping) == 1
    assert sorted(site.paths) == ["/a", "/b", "/c"]
    # It leaves the processors to others.
    least = 19
    wanted = min(least, os.getpriority(os.PRIO_PROCESS, 0) + module.NICE)
    assert os.getpriority(os.PRIO_PROCESS, fetch_process.process.pid) == wanted


def test_odd_pictures_are_not_worth_a_warning(
    fetch_process: FetchProcess,
    say: Callable[[str], None],
    site: WebSite,
    job_context: JobContext,
    capfd: pytest.CaptureFixture[str],
) -> None:
    exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHLL", 0x010E, 2, 10**6, 8) + bytes(4)
    output = BytesIO()
    Image.new("RGB", (9, 9)).save(output, "JPEG", exif=b"Exif\0\0" + exif)
    site.picture = output.getvalue()
    say(site.url("/picture"))
    assert fetch_process.fetch(job_context.stopping) == 1
    assert "Warning" not in capfd.readouterr().err
    with job_context.core.database.reading() as connection:
        assert previews.previews_of(connection, [1])[1][0].image_width == 9


def test_finishes_when_its_worker_is_gone(
    fetch_process: FetchProcess, say: Callable[[str], None], site: WebSite, job_context: JobContext
) -> None:
    say(f"{site.url('/hang')} {site.url('/other')}")
    fetch_process._socket.sendall(CALL)
    wait_until(lambda: len(site.paths) == 2, SECONDS)
    fetch_process._socket.close()  # As the kernel does for a process that is killed.
    say(site.url("/later"))
    wait_until(lambda: "/later" in site.paths, SECONDS)
    site.closing.set()
    assert fetch_process.process.wait(SECONDS) == 0
    assert not job_context.link_outbox.has_due()
    assert len(site.paths) == 3


def test_idle_one_ends_with_its_worker(fetch_process: FetchProcess) -> None:
    fetch_process.close()
    assert fetch_process.process.returncode == 0


def test_worker_stops_when_it_dies(
    start: Callable[[], FetchProcess],
    say: Callable[[str], None],
    site: WebSite,
    job_context: JobContext,
) -> None:
    say(site.url("/hang"))
    fetch_process = start()

    def kill() -> None:
        wait_until(lambda: site.paths, SECONDS)
        os.kill(fetch_process.process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(FetchProcessError, match="the fetch process ended with -9"):
        fetch_process.fetch(job_context.stopping)
    killer.join()
    site.closing.set()
    assert job_context.stopping.is_set()
    assert start().fetch(threading.Event()) == 1
    assert site.paths == ["/hang", "/hang"]


class LimitError(BaseException):
    """As RQ's time limit is one."""


def test_nobody_waits_for_it_after_the_time_limit(
    start: Callable[[], FetchProcess],
    say: Callable[[str], None],
    site: WebSite,
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say(site.url("/hang"))
    fetch_process = start()

    def select(*_: object) -> None:
        wait_until(lambda: site.paths, SECONDS)
        raise LimitError

    with monkeypatch.context() as patched:
        patched.setattr("select.select", select)
        with pytest.raises(LimitError):
            fetch_process.fetch(job_context.stopping)
    assert job_context.stopping.is_set()
    site.closing.set()
    assert fetch_process.process.wait(SECONDS) == 0
    assert not job_context.link_outbox.has_due()


def test_link_that_kills_is_left_after_three_times(
    start: Callable[[], FetchProcess],
    say: Callable[[str], None],
    site: WebSite,
    job_context: JobContext,
) -> None:
    say(f"{site.url('/POISON')} {site.url('/other')}")
    fetch_process, deaths = start(), []
    while has_more(job_context):
        wait_until(job_context.link_outbox.has_due, SECONDS)
        try:
            fetch_process.fetch(threading.Event())
        except FetchProcessError as error:
            deaths.append(str(error))
            fetch_process = start()
    assert deaths == ["the fetch process ended with -9"] * 3
    assert site.paths.count("/POISON") == 3
    assert "/other" in site.paths


def has_more(job_context: JobContext) -> list[previews.DuePreview]:
    """Say whether a link waits, be it for its next try."""
    with job_context.core.database.reading() as connection:
        return previews.list_due(connection, time.time() + 9_999, 1)


def test_worker_that_stops_waits_for_no_hanging_link(
    fetch_process: FetchProcess, say: Callable[[str], None], site: WebSite, job_context: JobContext
) -> None:
    say(site.url("/hang"))

    def stop() -> None:
        wait_until(lambda: site.paths, SECONDS)
        job_context.stopping.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert fetch_process.fetch(job_context.stopping) == 0
    stopper.join()


@pytest.fixture
def _signals_kept() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_kept")
def test_says_what_went_wrong(
    settings: Settings, say: Callable[[str], None], site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, so that it is measured too."""
    nice: list[int] = []
    monkeypatch.setattr("ngw2f.jobs.fetch_process.be_nice", nice.append)
    monkeypatch.setattr("ngw2f.jobs.fetch_process.signal.signal", lambda *_: None)
    say(site.url("/a"))
    worker, its = socket.socketpair()
    said = []

    def call() -> None:
        worker.sendall(CALL)
        said.append(worker.recv(1000))
        monkeypatch.setattr("ngw2f.jobs.fetch_process.fetch_here", lambda: 1 // 0)
        worker.sendall(CALL)
        said.append(worker.recv(1000))
        worker.close()

    caller = threading.Thread(target=call)
    caller.start()
    run_fetch_process(settings, its.detach(), None)
    caller.join()
    assert said[0] == b"1"
    assert said[1].startswith(b"fetching links failed: ZeroDivisionError")
    assert nice == [module.NICE]


def test_without_one_the_worker_fetches_itself(
    job_context: JobContext, say: Callable[[str], None], site: WebSite
) -> None:
    say(site.url("/a"))
    assert fetch_links() == 1


def test_one_is_called_only_if_a_link_waits(
    job_context: JobContext, say: Callable[[str], None], site: WebSite
) -> None:
    """A worker is woken at its start; its child would take memory for nothing."""
    calls = []

    def call(_stopping: threading.Event) -> int:
        calls.append(1)
        return 7

    context = replace(job_context, call_fetch_process=call)
    token = current_context.set(context)
    try:
        context.link_wakeup.wake()
        assert fetch_links() == 0
        assert not calls
        assert not context.link_wakeup.is_flagged()
        say(site.url("/a"))
        assert fetch_links() == 7
    finally:
        current_context.reset(token)


def test_process_that_is_ended_before_it_listens_is_no_failure(
    start: Callable[[], FetchProcess], nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SIGTERM ends it without a word, as it does before there is a handler.
    def sleep(_run: object, *options: Any) -> Spawned:
        return nursery.spawn(partial(time.sleep, 300), *options)

    monkeypatch.setattr(module, "Fork", sleep)
    stopping = threading.Event()
    stopping.set()
    assert start().fetch(stopping) == 0
