"""Heartbeats of workers, one every few seconds.

RQ's own registry forgets a killed worker only after minutes, and a worker reports nothing to it
during a long job. Here a thread reports for its process, so a dead worker is missing after
ABSENT_SECONDS.
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


class Heartbeats:
    """A sorted set in Redis for each queue: its workers by the time of their last heartbeat."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def count(self, queue: str) -> int:
        """Return the number of live workers for a queue. Raises RedisError."""
        return int(self._broker.redis.zcount(self._key(queue), time.time() - ABSENT_SECONDS, "inf"))

    def note(self, queues: Sequence[str], worker: str) -> None:
        """Record a worker's heartbeat, and remove workers whose last one is too old."""
        self._broker.attempt(lambda redis: self._note(redis, queues, worker), None)

    def remove(self, queues: Sequence[str], worker: str) -> None:
        self._broker.attempt(lambda redis: self._remove(redis, queues, worker), None)

    def _note(self, redis: Redis, queues: Sequence[str], worker: str) -> None:
        now = time.time()
        for queue in queues:
            redis.zadd(self._key(queue), {worker: now})
            redis.zremrangebyscore(self._key(queue), "-inf", now - ABSENT_SECONDS)

    def _remove(self, redis: Redis, queues: Sequence[str], worker: str) -> None:
        for queue in queues:
            redis.zrem(self._key(queue), worker)

    def _key(self, queue: str) -> str:
        return self._broker.key(f"workers:{queue}")


class HeartbeatThread:
    """A thread that records heartbeats of this process for some queues."""

    def __init__(self, heartbeats: Heartbeats, queues: Sequence[str]) -> None:
        self._heartbeats = heartbeats
        self._queues = list(queues)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")

    def start(self) -> None:
        self._heartbeats.note(self._queues, self._worker)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._heartbeats.remove(self._queues, self._worker)

    def hand_over(self, queue: str) -> None:
        """Note nothing more for *queue*: another worker will, before the last note is too old."""
        self._queues.remove(queue)

    def _run(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            self._heartbeats.note(self._queues, self._worker)
