"""The goals for the chat besides its rate: one figure for each function, on its own server."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from benchmarks.fanout.listeners import SOURCE_KEY, Listeners, listening
from benchmarks.fanout.posters import start_posting, start_talking
from benchmarks.fanout.rates import Load
from benchmarks.fanout.returning import Crowd
from benchmarks.fanout.servers import Running, chat
from ngw2f.live.feed import MAX_BYTES, MAX_CHUNK_BYTES

POSTS_A_SECOND = 10
FULL_RATE = 300
STREAMS_TO_STOP = 5_000
IDLE_CLIENTS = 10_000
POLL_SECONDS = 0.005
SETTLE_SECONDS = 3.0
REQUEST = b"GET /events HTTP/1.1\r\nHost: chat\r\nAccept: text/event-stream\r\n\r\n"


def idle_kilobytes(load: Load) -> float:
    """Return the worker's memory for a client that is connected and gets nothing."""
    with _a_chat() as running:
        # The first clients have costs that arise only once.
        with listening(load.program, running, 100):
            time.sleep(SETTLE_SECONDS)
        before = running.memory_bytes()
        with listening(load.program, running, IDLE_CLIENTS):
            time.sleep(SETTLE_SECONDS)
            return (running.memory_bytes() - before) / 1_000 / IDLE_CLIENTS


def post_to_screen(load: Load) -> float:
    """Return the median of the milliseconds from the start of a post to each listener."""
    with _a_chat() as running:
        token = _register(running)
        events = int(load.seconds * POSTS_A_SECOND) + POSTS_A_SECOND
        listeners = Listeners(
            load.program, running, load.listeners,
            key=SOURCE_KEY, events=events, warmup=1.0, seconds=load.seconds,
        )  # fmt: skip
        talking = start_talking(running, token, POSTS_A_SECOND, events)
        heard = listeners.finish()
        talking.join()
        if heard.complete < load.listeners:
            raise RuntimeError("not every listener got every post")
        return heard.p50_ms


def unread_megabytes(load: Load, seconds: float) -> float:
    """Return by how much a client that never reads makes a process grow at full load.

    Readers come first, so that the growth from buffers of a fixed size is not counted.
    """
    with _a_chat() as running, listening(load.program, running, load.listeners):
        _post_for(running, 10)
        before = running.memory_bytes()
        most = before
        with socket.create_connection(("127.0.0.1", running.port)) as unread:
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            unread.sendall(REQUEST)
            posting = start_posting(running, FULL_RATE, int(FULL_RATE * seconds))
            while posting.is_alive():
                most = max(most, running.memory_bytes())
                posting.join(1)
        return (most - before) / 1_000_000


def return_seconds(load: Load, number: signal.Signals) -> float:
    """Return how long after the cut the last client is back and has everything."""
    with _a_chat() as running:
        token = _register(running)
        crowd = Crowd(running, load.listeners)
        crowd.start()
        posted = [_say(running, token, "before")]
        while not crowd.are_back(1, posted[-1]):
            # A client that connects after a post does not get it.
            posted.append(_say(running, token, "before"))
            time.sleep(0.5)
        known = len(posted)
        os.kill(running.worker, number)
        while crowd.cut_at is None:
            time.sleep(POLL_SECONDS)
        posted += _say_while_it_restarts(running, token)
        is_back = crowd.wait_until(2, posted[-1], 30)
        seconds = time.monotonic() - crowd.cut_at
        crowd.is_stopping = True
        crowd.join()
        expected = posted[known - 1 :]
        if not is_back or any(each.seen[-len(expected) :] != expected for each in crowd.clients):
            raise RuntimeError("not every client got every message, once and in order")
        return seconds


def stop_seconds(load: Load) -> float:
    """Return how long a worker with many streams takes to end after SIGTERM."""
    with _a_chat() as running, listening(load.program, running, STREAMS_TO_STOP):
        worker = running.worker
        start = time.monotonic()
        os.kill(worker, signal.SIGTERM)
        while Path(f"/proc/{worker}").exists():
            time.sleep(POLL_SECONDS)
        return time.monotonic() - start


def unread_bound() -> float:
    """Return the megabytes that a feed buffers at most, and those of one write."""
    return (MAX_BYTES + MAX_CHUNK_BYTES) / 1_000_000


@contextlib.contextmanager
def _a_chat() -> Iterator[Running]:
    with chat(Path()) as running:
        assert running is not None
        yield running


def _post_for(running: Running, seconds: float) -> None:
    start_posting(running, FULL_RATE, int(FULL_RATE * seconds)).join()


def _register(running: Running) -> str:
    url = f"http://127.0.0.1:{running.port}/api"
    user = {"nickname": "ann", "password": "a benchmark's"}
    requests.post(f"{url}/users", json=user, timeout=10).raise_for_status()
    answer = requests.post(f"{url}/tokens", auth=("ann", "a benchmark's"), timeout=10)
    token: str = answer.json()["token"]
    return token


def _say(running: Running, token: str, source: str) -> int:
    answer = requests.post(
        f"http://127.0.0.1:{running.port}/api/messages",
        json={"source": source},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    answer.raise_for_status()
    number: int = answer.json()["id"]
    return number


def _say_while_it_restarts(running: Running, token: str) -> list[int]:
    """Post ten messages as soon as the server answers again."""
    posted: list[int] = []
    deadline = time.monotonic() + 30
    while len(posted) < 10 and time.monotonic() < deadline:
        try:
            posted.append(_say(running, token, "while it restarts"))
        except requests.RequestException:
            time.sleep(POLL_SECONDS)
    return posted
