import os
import shlex
import signal
import socket
import struct
import sys
import threading
import time
from io import BytesIO

import pytest
from PIL import Image

from ngw2f.jobs.fetch_process import CALL, FetchProcess, FetchProcessError, run_fetch_process
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.store import previews
from tests.waiting import wait_until

SECONDS = 60


@pytest.fixture
def say(client, job_context):
    ann = client.join("Ann")

    def say_and_render(source):
        client.say(ann, source)
        render_messages()

    return say_and_render


@pytest.fixture
def fetch_process(settings, monkeypatch):
    # It has the worker's settings, and not those that it would find.
    monkeypatch.setenv("NGW2F_LOG_LEVEL", "LOUD")
    fetch_process = FetchProcess(settings, None)
    yield fetch_process
    fetch_process.close()


def test_fetches_when_it_is_called(fetch_process, say, site, job_context):
    say(f"{site.url('/a')} {site.url('/b')}")
    assert fetch_process.fetch(job_context.stopping) == 2
    assert fetch_process.fetch(job_context.stopping) == 0
    say(site.url("/c"))
    assert fetch_process.fetch(job_context.stopping) == 1
    assert sorted(site.paths) == ["/a", "/b", "/c"]


def test_odd_pictures_are_not_worth_a_warning(fetch_process, say, site, job_context, capfd):
    exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHLL", 0x010E, 2, 10**6, 8) + bytes(4)
    output = BytesIO()
    Image.new("RGB", (9, 9)).save(output, "JPEG", exif=b"Exif\0\0" + exif)
    site.picture = output.getvalue()
    say(site.url("/picture"))
    assert fetch_process.fetch(job_context.stopping) == 1
    assert "Warning" not in capfd.readouterr().err
    with job_context.core.database.reading() as connection:
        assert previews.previews_of(connection, [1])[1][0].image_width == 9


def test_finishes_when_its_worker_is_gone(fetch_process, say, site, job_context):
    say(f"{site.url('/hang')} {site.url('/other')}")
    child = fetch_process.start()
    child.socket.sendall(CALL)
    wait_until(lambda: len(site.paths) == 2, SECONDS)
    child.socket.close()  # As the kernel does for a process that is killed.
    say(site.url("/later"))
    wait_until(lambda: "/later" in site.paths, SECONDS)
    site.closing.set()
    assert child.process.wait(SECONDS) == 0
    assert not job_context.link_outbox.has_due()
    assert len(site.paths) == 3


def test_another_one_is_started_when_it_dies(fetch_process, say, site, job_context):
    say(site.url("/hang"))
    child = fetch_process.start()

    def kill():
        wait_until(lambda: site.paths, SECONDS)
        os.kill(child.process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(FetchProcessError, match="the fetch process ended with -9"):
        fetch_process.fetch(job_context.stopping)
    killer.join()
    site.closing.set()
    assert fetch_process.fetch(job_context.stopping) == 1
    assert site.paths == ["/hang", "/hang"]


@pytest.fixture
def _poisoned(tmp_path, monkeypatch):
    """Have the fetch process die of what is poison."""
    program = tmp_path / "python"
    poisoned = shlex.join([sys.executable, "-m", "tests.ngw2f.jobs.poisoned"])
    program.write_text(f'#!/bin/sh\nshift 2\nexec {poisoned} "$@"\n')
    program.chmod(0o700)
    monkeypatch.setattr("ngw2f.jobs.fetch_process.sys.executable", str(program))


@pytest.mark.usefixtures("_poisoned")
def test_link_that_kills_is_left_after_three_times(fetch_process, say, site, job_context):
    say(f"{site.url('/POISON')} {site.url('/other')}")
    deaths = []
    while has_more(job_context):
        wait_until(job_context.link_outbox.has_due, SECONDS)
        try:
            fetch_process.fetch(job_context.stopping)
        except FetchProcessError as error:
            deaths.append(str(error))
    assert deaths == ["the fetch process ended with -9"] * 3
    assert site.paths.count("/POISON") == 3
    assert "/other" in site.paths


def has_more(job_context):
    """Say whether a link waits, be it for its next try."""
    with job_context.core.database.reading() as connection:
        return previews.list_due(connection, time.time() + 9_999, 1)


def test_worker_that_stops_waits_for_no_hanging_link(fetch_process, say, site, job_context):
    say(site.url("/hang"))

    def stop():
        wait_until(lambda: site.paths, SECONDS)
        job_context.stopping.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert fetch_process.fetch(job_context.stopping) == 0
    stopper.join()


@pytest.fixture
def _signals_kept():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_kept")
def test_says_what_went_wrong(settings, say, site, monkeypatch):
    """In this process, so that it is measured too."""
    say(site.url("/a"))
    worker, its = socket.socketpair()
    said = []

    def call():
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


def test_without_one_the_worker_fetches_itself(job_context, say, site):
    say(site.url("/a"))
    assert fetch_links() == 1


def test_process_that_is_ended_before_it_listens_is_no_failure(settings, monkeypatch, tmp_path):
    # SIGTERM ends it without a word, as it does before there is a handler.
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o700)
    monkeypatch.setattr("ngw2f.jobs.fetch_process.sys.executable", str(program))
    fetch_process = FetchProcess(settings, None)
    stopping = threading.Event()
    stopping.set()
    assert fetch_process.fetch(stopping) == 0
