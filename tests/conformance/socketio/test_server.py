"""What the suites do not try, on several workers with short times."""

import json
import os
import signal
import threading
from pathlib import Path

import requests
from redis import Redis

from tests.conformance.socketio.run import Running, running_server
from tests.processes import children_of
from tests.waiting import HANGING_SECONDS, wait_until

POLLING = "/engine.io/?EIO=4&transport=polling"


def open_session(running: Running) -> str:
    answer = requests.get(running.url + POLLING, timeout=HANGING_SECONDS)
    return str(json.loads(answer.text[1:])["sid"])


def poll(running: Running, sid: str) -> int:
    """Return the status of the answer."""
    address = f"{running.url}{POLLING}&sid={sid}"
    return requests.get(address, timeout=HANGING_SECONDS).status_code


def pinged_session(running: Running) -> str | None:
    """Return a session that has got its first ping; none if it has ended before it asked."""
    sid = open_session(running)
    return sid if poll(running, sid) == 200 else None


def test_poll_of_a_worker_that_was_stopped_for_too_long(tmp_path: Path) -> None:
    """Its client has given up meanwhile, and gets an error; the worker goes on."""
    with running_server(tmp_path, 2, "300/200") as running:
        # A ping that the client does not answer, so that the poll below waits for it.
        sid = wait_until(lambda: pinged_session(running))
        statuses: list[int] = []
        with Redis.from_url(running.redis_url) as redis:
            poller = threading.Thread(target=lambda: statuses.append(poll(running, sid)))
            poller.start()
            for worker in children_of(running.pid):
                os.kill(worker, signal.SIGSTOP)
            wait_until(lambda: not redis.exists(f"engine:engineio:{sid}"))
            for worker in children_of(running.pid):
                os.kill(worker, signal.SIGCONT)
        poller.join(HANGING_SECONDS)
        assert statuses == [400]
        assert open_session(running) != sid
