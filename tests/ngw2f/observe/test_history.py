from collections.abc import Iterator

import pytest
from redis import Redis

from ngw2f.broker.connection import Broker
from ngw2f.observe import history as module
from ngw2f.observe.history import MINUTES, TTL_SECONDS, History
from ngw2f.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_030.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    broker = Broker(settings)
    yield broker
    broker.close()


def test_processes_are_added_up(broker: Broker, clock: Clock, redis: Redis) -> None:
    first, second, job = History(broker), History(broker), History(broker)
    first.note_web(requests=10, deliveries=100, streams=3)
    first.note_web(requests=12, deliveries=100, streams=2)
    second.note_web(requests=5, deliveries=1, streams=4)
    job.note_rendered([0.5, 0.1, -1.0])
    job.note_rendered([])
    job.note_queue(7)
    assert first.read()[-1].requests == 0, "the minute is not over"
    clock.now += 60
    last = second.read()[-1]
    assert (last.at, last.requests, last.deliveries, last.streams) == (1_800_000_000, 17, 101, 6)
    assert last.render_seconds == pytest.approx(0.2)
    assert last.queue == 7
    (key,) = redis.keys("ngw2f:minute:*")
    assert 0 < redis.ttl(key) <= TTL_SECONDS


def test_hour_is_whole_though_nothing_was_noted(broker: Broker, clock: Clock) -> None:
    minutes = History(broker).read()
    assert [each.at for each in minutes] == [
        1_800_000_000 - 60 * back for back in range(MINUTES, 0, -1)
    ]
    assert {(each.requests, each.streams, each.render_seconds, each.queue) for each in minutes} == {
        (0, 0, None, None)
    }


def test_nothing_is_written_when_nothing_has_changed(broker: Broker, redis: Redis) -> None:
    history = History(broker)
    history.note_web(requests=0, deliveries=0, streams=0)
    assert redis.keys("ngw2f:minute:*") == []


def test_what_redis_did_not_take_is_added_later(
    broker: Broker, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(broker)
    with monkeypatch.context() as away:
        away.setattr(broker, "attempt", lambda _command, otherwise: otherwise)
        history.note_web(requests=3, deliveries=0, streams=0)
        assert history.read() == []
    history.note_web(requests=4, deliveries=0, streams=0)
    clock.now += 60
    assert history.read()[-1].requests == 4
