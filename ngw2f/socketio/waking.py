"""Wakes the polls that this worker holds when another worker has something for them."""

import logging
from collections.abc import Callable

import gevent
from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

RETRY_SECONDS = 0.25
CHECK_SECONDS = 5.0

log = logging.getLogger(__name__)


class Waking:
    """One subscription in Redis for all polls of a worker, by their tokens."""

    def __init__(self, connect: Callable[[], Redis], channel: str) -> None:
        self._connect = connect
        self._channel = channel
        self._wake: dict[str, Callable[[], None]] = {}
        self._greenlet: gevent.Greenlet | None = None

    def add(self, token: str, wake: Callable[[], None]) -> None:
        self._wake[token] = wake
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def remove(self, token: str) -> None:
        self._wake.pop(token, None)

    def _run(self) -> None:
        while True:
            try:
                with self._connect() as redis, redis.pubsub() as subscription:
                    subscription.subscribe(self._channel)
                    while True:
                        self._take(_next_message(subscription))
            except RedisError as error:
                log.debug("polls are not woken: %s", error)
            except Exception:
                # Without this greenlet every poll would wait for its ping.
                log.exception("waking polls failed; continuing")
            # Each asks Redis itself, and is answered with an error while that is unreachable.
            self._wake_all()
            gevent.sleep(RETRY_SECONDS)

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            # Whatever was said before it.
            self._wake_all()
        elif message["type"] == "message" and isinstance(message["data"], bytes):
            wake = self._wake.get(message["data"].decode())
            if wake:
                wake()

    def _wake_all(self) -> None:
        for wake in list(self._wake.values()):
            wake()


def _next_message(subscription: PubSub) -> dict[str, object]:
    """Return the next message, or the answer to a PING. Raises RedisError if Redis is silent.

    A host that has gone says nothing, and nobody else writes on this connection.
    """
    message: dict[str, object] | None = subscription.get_message(timeout=CHECK_SECONDS)
    if message is None:
        subscription.ping()
        message = subscription.get_message(timeout=CHECK_SECONDS)
    if message is None:
        raise RedisTimeoutError("the subscription does not answer")
    return message
