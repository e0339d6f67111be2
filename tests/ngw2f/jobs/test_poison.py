"""A message that kills who renders it ends as one that is set aside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from ngw2f.commands import cli
from ngw2f.jobs.outbox import SET_ASIDE
from ngw2f.settings import Settings
from ngw2f.store.render_queue import MAX_ATTEMPTS
from tests.client import Client
from tests.waiting import HANGING_SECONDS, wait_until


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NGW2F_")]:
        monkeypatch.delenv(name)
    for name in ("data_dir", "database_url", "redis_url"):
        monkeypatch.setenv(f"NGW2F_{name.upper()}", getattr(settings, name))


@pytest.fixture
def worker(environment: None) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Give a function that starts a worker, as its supervisor does."""
    processes = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.ngw2f.jobs.poisoned", "worker-process"]
        processes.append(subprocess.Popen([*command, "--queues=render"]))
        return processes[-1]

    yield start
    for process in processes:
        process.terminate()
        process.wait(HANGING_SECONDS)


def test_poison_is_set_aside(
    client: Client,
    worker: Callable[[], subprocess.Popen[bytes]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = client.join("Ann")
    first = client.say(ann, "first")["_links"]["self"]
    headers = {**ann, "Prefer": "respond-async"}
    posted = client.post_json("/api/messages", {"source": "POISON"}, headers=headers)
    last = client.say(ann, "last")["_links"]["self"]
    for _ in range(MAX_ATTEMPTS):
        assert worker().wait(HANGING_SECONDS) == -signal.SIGKILL
        assert client.get(posted.headers["Location"]).status_int == 202
    alive = worker()
    wait_until(lambda: client.get(posted.headers["Location"]).status_int == 500)
    wait_until(lambda: client.get(first).json["rendered"] and client.get(last).json["rendered"])
    assert client.get(posted.headers["Location"]).json["detail"] == SET_ASIDE
    assert client.get("/api/messages/2").json["html"] == "<p>POISON</p>"
    cli.main(["jobs"])
    assert capsys.readouterr().out == "render  message-2  rendering it failed 3 times\n"
    # An operator who thinks that it is mended finds out.
    cli.main(["jobs", "requeue", "message-2"])
    assert capsys.readouterr().out == "requeued message-2\n"
    assert alive.wait(HANGING_SECONDS) == -signal.SIGKILL
