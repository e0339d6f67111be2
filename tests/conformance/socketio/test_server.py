"""What the suites do not try, on several workers with short times."""

import json
import os
import signal
import threading
from pathlib import Path

import requests
from redis import Redis

from tests.conformance.socketio.run import Running, running_server
from tests.waiting import HANGING_SECONDS, wait_until

POLLING = "/engine.io/?EIO=4&transport=polling"


def workers_of(running: Running) -> list[int]:
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def open_session(running: Running) -> str:
    answer = requests.get(running.url + POLLING, timeout=HANGING_SECONDS)
    return str(json.loads(answer.text[1:])["sid"])


def test_poll_of_a_worker_that_was_stopped_for_too_long(tmp_path: Path) -> None:
    """Its client has given up meanwhile, and gets an error; the worker goes on."""
    with running_server(tmp_path, 2, "300/200") as running:
        sid = open_session(running)
        key = f"engine:engineio:{sid}"
        statuses: list[int] = []

        def poll() -> None:
            address = f"{running.url}{POLLING}&sid={sid}"
            answer = requests.get(address, timeout=HANGING_SECONDS)
            statuses.append(answer.status_code)

        with Redis.from_url(running.redis_url) as redis:
            # A ping that the client does not answer, so that the poll below waits for it.
            poll()
            poller = threading.Thread(target=poll)
            poller.start()
            for worker in workers_of(running):
                os.kill(worker, signal.SIGSTOP)
            wait_until(lambda: not redis.exists(key))
            for worker in workers_of(running):
                os.kill(worker, signal.SIGCONT)
        poller.join()
        assert statuses == [200, 400]
        assert open_session(running) != sid
