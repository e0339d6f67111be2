"""The pool of workers as an operator runs it, and what it goes through."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

POSTS = 200
TIMEOUT_SECONDS = 40


@pytest.fixture
def pool(settings, client):
    """Run `ngw2f worker`; give what tells the pids of its workers."""
    environment = {
        **os.environ,
        "NGW2F_DATA_DIR": settings.data_dir,
        "NGW2F_DATABASE_URL": settings.database_url,
        "NGW2F_REDIS_URL": settings.redis_url,
        "NGW2F_LINKS_ALLOW": ",".join(settings.links_allow),
    }
    command = [sys.executable, "-m", "ngw2f", "worker"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    wait_until(lambda: client.get("/readyz").status_int == 200)
    yield lambda: worker_pids(process.pid)
    process.terminate()
    process.wait(20)


def worker_pids(parent):
    """Return the children of *parent* that are workers (Linux's /proc)."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, command in commands.items() if b"worker-process" in command]


def wait_until(is_so):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def shown(client):
    answer = client.get("/api/messages?limit=200").json
    return sum(bool(message["previews"]) for message in answer["messages"])


@pytest.fixture
def post(client, site):
    ann = client.join("Ann")
    return lambda number: client.say(ann, site.url(f"/{number}"))


def test_killed_workers_lose_nothing(client, pool, post, site):
    for number in range(POSTS):
        if number % 70 == 60:
            for pid in pool():
                os.kill(pid, signal.SIGKILL)
        post(number)
    wait_until(lambda: shown(client) == POSTS)
    assert len(set(site.paths)) == POSTS


def test_lost_queue_loses_nothing(client, pool, post, site, redis):
    for number in range(POSTS):
        if number % 50 == 25:
            redis.flushall()
        post(number)
    wait_until(lambda: shown(client) == POSTS)
    assert set(Counter(site.paths).values()) == {1}
