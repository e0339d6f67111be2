import pytest

from ngw2f.jobs import heartbeat as roll_call
from ngw2f.jobs.heartbeat import Beat, RollCall
from ngw2f.jobs.wakeup import QUEUES
from tests.waiting import wait_until


@pytest.fixture
def present(job_context):
    return RollCall(job_context.core.broker)


def test_nobody_is_there(present):
    assert present.count("render") == 0


def test_worker_of_two_queues(present):
    present.note(QUEUES, "one")
    present.note(["links"], "two")
    assert (present.count("render"), present.count("links")) == (1, 2)


def test_signed_off_is_gone(present):
    present.note(QUEUES, "one")
    present.sign_off(QUEUES, "one")
    assert present.count("render") == 0


def test_silent_worker_is_missing(present, monkeypatch, redis):
    present.note(["render"], "killed")
    monkeypatch.setattr(roll_call, "ABSENT_SECONDS", -1.0)
    assert present.count("render") == 0
    present.note(["render"], "killed")
    assert redis.zcard("ngw2f:workers:render") == 0


def test_beat_goes_on_until_stopped(present, monkeypatch, redis):
    monkeypatch.setattr(roll_call, "BEAT_SECONDS", 0.01)
    beat = Beat(present, ["links"])
    beat.start()
    redis.flushall()
    wait_until(lambda: present.count("links") == 1)
    beat.stop()
    assert present.count("links") == 0
