import pytest
from redis import Redis

from ngw2f.jobs import heartbeat
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.heartbeat import Heartbeats, HeartbeatThread
from ngw2f.jobs.wakeup import QUEUES
from tests.waiting import wait_until


@pytest.fixture
def present(job_context: JobContext) -> Heartbeats:
    return Heartbeats(job_context.core.broker)


def test_nobody_is_there(present: Heartbeats) -> None:
    assert present.count("render") == 0


def test_worker_of_two_queues(present: Heartbeats) -> None:
    present.note(QUEUES, "one")
    present.note(["links"], "two")
    assert (present.count("render"), present.count("links")) == (1, 2)


def test_removed_is_gone(present: Heartbeats) -> None:
    present.note(QUEUES, "one")
    present.remove(QUEUES, "one")
    assert present.count("render") == 0


def test_silent_worker_is_missing(
    present: Heartbeats, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    present.note(["render"], "killed")
    monkeypatch.setattr(heartbeat, "ABSENT_SECONDS", -1.0)
    assert present.count("render") == 0
    present.note(["render"], "killed")
    assert redis.zcard("ngw2f:workers:render") == 0


def test_beat_goes_on_until_stopped(
    present: Heartbeats, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    beat = HeartbeatThread(present, ["links"])
    beat.start()
    redis.flushall()
    wait_until(lambda: present.count("links") == 1)
    beat.stop()
    assert present.count("links") == 0


def test_queue_that_is_handed_over_is_noted_no_more(
    present: Heartbeats, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    """What was noted stays, until the next worker notes itself or it is too old."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    beat = HeartbeatThread(present, QUEUES)
    beat.start()
    beat.hand_over("links")
    assert present.count("links") == 1
    redis.flushall()
    wait_until(lambda: present.count("render") == 1)
    beat.stop()
    assert present.count("links") == 0
