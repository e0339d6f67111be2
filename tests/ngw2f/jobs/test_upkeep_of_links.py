import time
from collections.abc import Callable

import pytest
from redis import Redis
from rq import Retry

from ngw2f.jobs import upkeep
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.jobs.wakeup import LINKS, RENDER, OutboxJob
from ngw2f.store import previews
from tests.client import Client
from tests.ngw2f.jobs.conftest import WebSite
from tests.queues import PREFIX, id_of, queue_of


@pytest.fixture
def say(client: Client) -> Callable[[str], object]:
    ann = client.join("Ann")
    return lambda source: client.say(ann, source)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sweep take for lost what has not waited at all."""
    monkeypatch.setattr(upkeep, "LOST_AFTER_SECONDS", 0)


def queued(redis: Redis, call: OutboxJob) -> list[str]:
    return queue_of(redis, call).job_ids


def test_nothing_is_lost(job_context: JobContext, redis: Redis) -> None:
    assert upkeep.sweep() is False
    assert queued(redis, RENDER) == queued(redis, LINKS) == []


def test_sweep_calls_to_lost_message(
    job_context: JobContext, redis: Redis, say: Callable[[str], object]
) -> None:
    say("a")
    redis.flushall()
    assert upkeep.sweep() is True
    assert queued(redis, RENDER) == [id_of(RENDER)]


def test_sweep_calls_to_lost_link(
    job_context: JobContext, redis: Redis, say: Callable[[str], object], site: WebSite
) -> None:
    say(site.url("/a"))
    render_messages()
    redis.flushall()
    assert upkeep.sweep() is True
    assert queued(redis, LINKS) == [id_of(LINKS)]


def test_sweep_leaves_running_round_alone(
    job_context: JobContext,
    redis: Redis,
    say: Callable[[str], object],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ngw2f.jobs.wakeup.FLAG_MILLISECONDS", 60_000)
    say(site.url("/a"))
    render_messages()
    redis.flushall()
    job_context.link_wakeup.renew_flag()
    assert upkeep.sweep() is True
    assert queued(redis, LINKS) == []


def test_stale_preview_is_fetched_again(
    job_context: JobContext, say: Callable[[str], object], site: WebSite
) -> None:
    say(site.url("/a"))
    render_messages()
    fetch_links()
    with job_context.core.database.writing() as connection:
        previews.set_schedule(connection, 1, previews.Schedule(time.time()))
    upkeep.clean()
    assert fetch_links() == 1
    assert site.paths == ["/a", "/a"]


def test_failed_job_is_tried_again_in_time(redis: Redis, work: Callable[..., None]) -> None:
    queue = queue_of(redis)
    job = queue.enqueue("math.sqrt", -1, retry=Retry(max=1, interval=60))
    work()
    cron = upkeep.build_cron(redis, PREFIX)
    cron.enqueue_jobs()
    assert job.id not in queue.job_ids
    redis.zadd(queue.scheduled_job_registry.key, {job.id: 0})
    cron.enqueue_jobs()
    assert job.id in queue.job_ids
    assert job.get_status() == "queued"


def test_upkeep_never_sleeps_for_long(redis: Redis) -> None:
    cron = upkeep.build_cron(redis, PREFIX)
    cron.enqueue_jobs()
    assert cron.calculate_sleep_interval() <= 1.0


def test_upkeep_runs(redis: Redis, work: Callable[..., None]) -> None:
    upkeep.build_cron(redis, PREFIX).enqueue_jobs()
    work()
    assert queue_of(redis).failed_job_registry.get_job_count() == 0
