import time

import pytest
from sqlalchemy import text

from ngw2f.jobs import upkeep
from ngw2f.jobs.upkeep import CLEAN_SECONDS, LOST_AFTER_SECONDS, SWEEP_SECONDS, build_cron
from tests.queues import PREFIX, queue_of


@pytest.fixture
def message(client):
    return client.say(client.join("ann"), "a")


def make_old(service, seconds):
    with service.services.core.database.writing() as connection:
        at = {"at": time.time() - seconds}
        connection.execute(text("UPDATE messages SET updated_at = :at"), at)


def test_sweep_calls_for_lost_messages(service, message, job_context, redis):
    redis.flushall()
    make_old(service, LOST_AFTER_SECONDS + 1)
    assert upkeep.sweep()
    assert len(queue_of(redis)) == 1


def test_sweep_leaves_fresh_ones_alone(message, job_context, redis, monkeypatch):
    monkeypatch.setattr(upkeep, "LOST_AFTER_SECONDS", 60)
    redis.flushall()
    assert not upkeep.sweep()
    assert len(queue_of(redis)) == 0


def test_lost_queue_is_made_up_for(client, service, message, job_context, work, redis):
    """Redis forgets everything: the message is rendered all the same."""
    redis.flushall()
    make_old(service, LOST_AFTER_SECONDS + 1)
    upkeep.sweep()
    work()
    assert client.get("/api/messages/1").json["rendered"]


def test_clean_deletes_what_is_expired(client, service, job_context):
    ann = client.join("ann")
    headers = {**ann, "Prefer": "respond-async"}
    client.post_json("/api/messages", {"source": "a"}, headers=headers, status=202)
    with service.services.core.database.writing() as connection:
        connection.execute(text("UPDATE tokens SET expires_at = 1"))
        connection.execute(text("UPDATE tasks SET created_at = 1"))
    upkeep.clean()
    with service.services.core.database.reading() as connection:
        for table in ("tokens", "tasks"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


def test_clean_keeps_what_is_not(client, job_context):
    ann = client.join("ann")
    headers = {**ann, "Prefer": "respond-async"}
    posted = client.post_json("/api/messages", {"source": "a"}, headers=headers, status=202)
    upkeep.clean()
    assert client.get(posted.headers["Location"], headers=ann).status_int == 202


def test_failed_sweeps_do_not_pile_up(job_context, redis, work, monkeypatch):
    """RQ keeps what failed for a year, unless told otherwise."""
    monkeypatch.setattr(upkeep.messages, "has_waiting", lambda *_: 1 // 0)
    monkeypatch.setattr(upkeep, "SWEEP_SECONDS", 30)  # So long it may wait for its worker.
    build_cron(redis, PREFIX).enqueue_jobs()
    work()
    registry = queue_of(redis).failed_job_registry
    (job_id,) = registry.get_job_ids()
    assert redis.zscore(registry.key, job_id) < time.time() + 3_600


def test_schedule(redis):
    jobs = build_cron(redis, PREFIX).get_jobs()
    assert {job.func.__name__: job.interval for job in jobs} == {
        "sweep": SWEEP_SECONDS,
        "clean": CLEAN_SECONDS,
    }
