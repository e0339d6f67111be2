"""Which workers are there: each says so every few seconds, for as long as it lives.

RQ's own register forgets a killed worker after minutes, and one that works on a long
job says nothing. Here a thread speaks for its process: a worker that is gone is
missing after ABSENT_SECONDS.
"""

import os
import socket
import threading
import time
from collections.abc import Sequence

from redis import Redis

from ngw2f.broker.connection import Broker

BEAT_SECONDS = 3.0
ABSENT_SECONDS = 10.0


class RollCall:
    """For each queue a sorted set in Redis: its workers, by when they were last heard of."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def count(self, queue: str) -> int:
        """Return how many workers there are for a queue. Raises RedisError."""
        return int(self._broker.redis.zcount(self._key(queue), time.time() - ABSENT_SECONDS, "inf"))

    def note(self, queues: Sequence[str], worker: str) -> None:
        """Note that a worker is there, and forget those of which nothing was heard for long."""
        self._broker.attempt(lambda redis: self._note(redis, queues, worker), None)

    def sign_off(self, queues: Sequence[str], worker: str) -> None:
        self._broker.attempt(lambda redis: self._forget(redis, queues, worker), None)

    def _note(self, redis: Redis, queues: Sequence[str], worker: str) -> None:
        now = time.time()
        for queue in queues:
            redis.zadd(self._key(queue), {worker: now})
            redis.zremrangebyscore(self._key(queue), "-inf", now - ABSENT_SECONDS)

    def _forget(self, redis: Redis, queues: Sequence[str], worker: str) -> None:
        for queue in queues:
            redis.zrem(self._key(queue), worker)

    def _key(self, queue: str) -> str:
        return self._broker.key(f"workers:{queue}")


class Beat:
    """A thread that notes again and again that this process is there for some queues."""

    def __init__(self, roll_call: RollCall, queues: Sequence[str]) -> None:
        self._roll_call = roll_call
        self._queues = queues
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="roll call")

    def start(self) -> None:
        self._roll_call.note(self._queues, self._worker)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._roll_call.sign_off(self._queues, self._worker)

    def _run(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            self._roll_call.note(self._queues, self._worker)
