"""Polls that another worker wakes."""

from collections.abc import Callable, Iterator
from typing import cast

import gevent
import pytest
from gevent.event import Event
from redis import Redis

from ngw2f.socketio import waking
from ngw2f.socketio.waking import Waking

Run = Callable[["ScriptedRedis"], Waking]
Said = dict[str, object] | None
SUBSCRIBED: Said = {"type": "subscribe"}
PONG: Said = {"type": "pong", "data": b""}


class ScriptedRedis:
    """Says what it was given, at one connection after the other; then the last one is idle.

    None: nothing for as long as one waits.
    """

    def __init__(self, *connections: list[Said]) -> None:
        self._connections = list(connections)
        self._said: Iterator[Said] = iter(())
        self.pings = 0
        self.left: list[int] = []

    def __enter__(self) -> "ScriptedRedis":
        return self

    def __exit__(self, *_: object) -> None:
        self.left.append(self.pings)

    def pubsub(self) -> "ScriptedRedis":
        self._said = iter(self._connections.pop(0))
        return self

    def subscribe(self, channel: str) -> None:
        assert channel == "channel"

    def ping(self) -> None:
        self.pings += 1

    def get_message(self, timeout: float) -> Said:
        gevent.sleep(0)
        for said in self._said:
            return said
        if self._connections:
            return None
        gevent.sleep(1000)
        raise AssertionError


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr(waking, "RETRY_SECONDS", 0)
    started: list[Waking] = []

    def run(redis: ScriptedRedis) -> Waking:
        started.append(Waking(lambda: cast(Redis, redis), "channel"))
        return started[-1]

    yield run
    for each in started:
        gevent.kill(each._greenlet)


def test_poll_is_woken_by_its_token(run: Run) -> None:
    woken = Event()
    waking = run(
        ScriptedRedis(
            [{"type": "message", "data": b"other"}, {"type": "message", "data": b"token"}]
        )
    )
    waking.add("other", lambda: None)
    waking.add("token", woken.set)
    assert woken.wait(60)


def test_all_are_woken_when_the_subscription_begins(run: Run) -> None:
    woken = Event()
    run(ScriptedRedis([SUBSCRIBED])).add("token", woken.set)
    assert woken.wait(60)


def test_silent_redis_is_asked_and_then_left(run: Run) -> None:
    """A host that has gone closes no connection: its polls ask for themselves, and it is new."""
    woken = Event()
    redis = ScriptedRedis([None, PONG, None, None], [])
    run(redis).add("token", woken.set)
    assert woken.wait(60)
    assert redis.pings == 2
    assert redis.left[:1] == [2]
