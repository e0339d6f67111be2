import time
from collections.abc import Iterator

import pytest

from ngw2f.broker.connection import Broker
from ngw2f.live import presence as module
from ngw2f.live.presence import ONLINE_SECONDS, TOUCH_SECONDS, Presence
from ngw2f.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def processes(settings: Settings) -> Iterator[list[Presence]]:
    """Return presence as two processes see it."""
    brokers = [Broker(settings), Broker(settings)]
    yield [Presence(broker) for broker in brokers]
    for broker in brokers:
        broker.close()


def test_seen_by_all_processes(processes: list[Presence]) -> None:
    one, other = processes
    one.enter([5])
    assert other.is_online(5)
    assert not other.is_online(6)
    assert other.online_ids() == {5}


def test_one_process_tells_of_coming(processes: list[Presence]) -> None:
    one, other = processes
    assert (one.enter([5]), other.enter([5, 6]), one.enter([])) == ([5], [6], [])


def test_gone_after_a_minute(processes: list[Presence], clock: Clock) -> None:
    presence = processes[0]
    presence.enter([5])
    clock.now += ONLINE_SECONDS + 1
    presence.enter([6])
    assert not presence.is_online(5)
    assert presence.online_ids() == {6}


def test_one_process_tells_of_leaving(processes: list[Presence], clock: Clock) -> None:
    one, other = processes
    one.enter([5])
    seen = clock.now
    clock.now += ONLINE_SECONDS + 1
    other.enter([6])
    assert other.leave() == {5: pytest.approx(seen)}
    assert one.leave() == {}


def test_due_now_and_then(processes: list[Presence], clock: Clock) -> None:
    presence = processes[0]
    assert presence.is_due(5)
    presence.enter([5])
    assert not presence.is_due(5)
    clock.now += TOUCH_SECONDS
    assert presence.is_due(5)


def test_memory_is_bounded(processes: list[Presence], clock: Clock) -> None:
    presence = processes[0]
    presence._touched.update(dict.fromkeys(range(10_001), clock.now))
    presence.enter([20_000])
    assert len(presence._touched) == 1
