from collections.abc import Iterator

import pytest
from redis import Redis

from ngw2f.broker.connection import Broker
from ngw2f.observe import meter as module
from ngw2f.observe.meter import DELAY_SECONDS, WINDOW_SECONDS, RequestMeter
from ngw2f.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.5

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def brokers(settings: Settings) -> Iterator[list[Broker]]:
    brokers = [Broker(settings), Broker(settings)]
    yield brokers
    for broker in brokers:
        broker.close()


def count(meter: module.RequestMeter, requests: int) -> None:
    for _ in range(requests):
        meter.count()


def test_average_over_processes(brokers: list[Broker], clock: Clock) -> None:
    meters = [RequestMeter(broker) for broker in brokers]
    count(meters[0], 20)
    count(meters[1], 10)
    for meter in meters:
        meter.flush()
    clock.now += DELAY_SECONDS
    assert [meter.requests_per_second() for meter in meters] == [30 / WINDOW_SECONDS] * 2


def test_current_second_is_left_out(brokers: list[Broker], clock: Clock) -> None:
    meter = RequestMeter(brokers[0])
    count(meter, 15)
    assert meter.requests_per_second() == 0


def test_old_seconds_are_forgotten(brokers: list[Broker], clock: Clock) -> None:
    meter = RequestMeter(brokers[0])
    count(meter, 15)
    meter.flush()
    clock.now += DELAY_SECONDS + WINDOW_SECONDS - 1
    assert meter.requests_per_second() == 1
    clock.now += 1
    assert meter.requests_per_second() == 0


def test_counted_once(brokers: list[Broker], clock: Clock) -> None:
    meter = RequestMeter(brokers[0])
    count(meter, 15)
    meter.flush()
    meter.flush()
    clock.now += DELAY_SECONDS
    assert meter.requests_per_second() == 1


def test_counters_expire(brokers: list[Broker], clock: Clock, redis: Redis) -> None:
    meter = RequestMeter(brokers[0])
    meter.count()
    meter.flush()
    (key,) = redis.keys("ngw2f:requests:*")
    assert 0 < redis.ttl(key) <= module.TTL_SECONDS
