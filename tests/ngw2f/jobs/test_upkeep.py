import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import text

from ngw2f.jobs import upkeep
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.upkeep import CLEAN_SECONDS, LOST_AFTER_SECONDS, SWEEP_SECONDS, build_cron
from ngw2f.server.service import Service
from ngw2f.store import search
from ngw2f.store.search import Wanted
from tests.client import Client
from tests.queues import PREFIX, queue_of


@pytest.fixture
def message(client: Client) -> dict[str, Any]:
    said: dict[str, Any] = client.say(client.join("ann"), "a")
    return said


def make_old(service: Service, seconds: int) -> None:
    with service.services.core.database.writing() as connection:
        at = {"at": time.time() - seconds}
        connection.execute(text("UPDATE messages SET updated_at = :at"), at)


def test_sweep_calls_for_lost_messages(
    service: Service, message: dict[str, Any], job_context: JobContext, redis: Redis
) -> None:
    redis.flushall()
    make_old(service, LOST_AFTER_SECONDS + 1)
    assert upkeep.sweep()
    assert len(queue_of(redis)) == 1


def test_sweep_leaves_fresh_ones_alone(
    message: dict[str, Any],
    job_context: JobContext,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "LOST_AFTER_SECONDS", 60)
    redis.flushall()
    assert not upkeep.sweep()
    assert len(queue_of(redis)) == 0


def test_lost_queue_is_made_up_for(
    client: Client,
    service: Service,
    message: dict[str, Any],
    job_context: JobContext,
    work: Callable[..., None],
    redis: Redis,
) -> None:
    """Redis forgets everything: the message is rendered all the same."""
    redis.flushall()
    make_old(service, LOST_AFTER_SECONDS + 1)
    upkeep.sweep()
    work()
    assert client.get("/api/messages/1").json["rendered"]


def forget_words(service: Service) -> None:
    """Let there be no words, as before there was a search."""
    with service.services.core.database.writing() as connection:
        for table in ("message_search", "message_search_queue"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("INSERT INTO message_search_queue SELECT id FROM messages"))


def found(service: Service) -> list[int]:
    with service.services.core.database.reading() as connection:
        messages, _ = search.find_messages(connection, Wanted([("a",)]), None)
    return [each.id for each in messages]


def test_words_of_older_messages_are_stored_batch_by_batch(
    client: Client,
    service: Service,
    render: Callable[[], int],
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "INDEXED_MESSAGES", 2)
    ann = client.join("ann")
    for _ in range(5):
        client.say(ann, "a")
    render()
    forget_words(service)
    assert found(service) == []
    # Somebody posts: the rest is for the next sweep.
    job_context.wakeup.wake()
    upkeep.sweep()
    assert found(service) == [4, 5]
    job_context.stopping.set()
    upkeep.sweep()
    assert found(service) == [4, 5]
    job_context.stopping.clear()
    job_context.wakeup.clear_flag()
    monkeypatch.setattr(upkeep, "MAX_INDEX_SECONDS", -1)
    upkeep.sweep()
    assert found(service) == [2, 3, 4, 5]
    monkeypatch.setattr(upkeep, "MAX_INDEX_SECONDS", 600)
    forget_words(service)
    upkeep.sweep()
    assert found(service) == [1, 2, 3, 4, 5]


def test_clean_deletes_what_is_expired(
    client: Client, service: Service, job_context: JobContext
) -> None:
    ann = client.join("ann")
    headers = {**ann, "Prefer": "respond-async"}
    client.post_json("/api/messages", {"source": "a"}, headers=headers, status=202)
    client.post_json("/api/invitations", {}, headers=ann, status=201)
    with service.services.core.database.writing() as connection:
        connection.execute(text("UPDATE tokens SET expires_at = 1"))
        connection.execute(text("UPDATE tasks SET created_at = 1"))
        connection.execute(text("UPDATE invitations SET expires_at = 1"))
    upkeep.clean()
    with service.services.core.database.reading() as connection:
        for table in ("tokens", "tasks", "invitations"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


def test_clean_keeps_what_is_not(client: Client, job_context: JobContext) -> None:
    ann = client.join("ann")
    headers = {**ann, "Prefer": "respond-async"}
    posted = client.post_json("/api/messages", {"source": "a"}, headers=headers, status=202)
    upkeep.clean()
    assert client.get(posted.headers["Location"], headers=ann).status_int == 202


def test_failed_sweeps_do_not_pile_up(
    job_context: JobContext,
    redis: Redis,
    work: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RQ keeps what failed for a year, unless told otherwise."""
    monkeypatch.setattr("ngw2f.store.render_queue.has_waiting", lambda *_: 1 // 0)
    monkeypatch.setattr(upkeep, "SWEEP_SECONDS", 30)  # So long it may wait for its worker.
    build_cron(redis, PREFIX).enqueue_jobs()
    work()
    registry = queue_of(redis).failed_job_registry
    (job_id,) = registry.get_job_ids()
    kept_until = redis.zscore(registry.key, job_id)
    assert kept_until is not None
    assert kept_until < time.time() + 3_600


def test_schedule(redis: Redis) -> None:
    jobs = build_cron(redis, PREFIX).get_jobs()
    assert {job.func.__name__: job.interval for job in jobs if job.func} == {
        "sweep": SWEEP_SECONDS,
        "clean": CLEAN_SECONDS,
    }


def test_log_of_administrators_is_kept_for_some_time(
    service: Service, client: Client, job_context: JobContext
) -> None:
    ann = client.join("ann")
    database, days = job_context.core.database, job_context.core.settings.audit_days
    for number in range(3):
        client.post_json("/api/invitations", {}, headers=ann, status=201)
        with database.writing() as connection:
            of_this = {"id": number + 1, "at": time.time() - (days + 1 - number) * 86_400 + 60}
            connection.execute(text("UPDATE audit SET at = :at WHERE id = :id"), of_this)
    upkeep.clean()
    entries = client.get("/api/audit", headers=ann).json["entries"]
    assert [each["id"] for each in entries] == [3, 2]
