"""What the workers count for /metrics."""

from collections.abc import Callable

import pytest
from redis import Redis

from ngw2f.jobs.context import JobContext
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.jobs.worker import ChatWorker
from ngw2f.observe.metrics.families import FETCH_SECONDS, JOB_SECONDS, JOBS, RENDER_SECONDS, Family
from tests.client import Client
from tests.ngw2f.jobs.conftest import WebSite
from tests.queues import queue_of


@pytest.fixture
def say(client: Client) -> Callable[[str], object]:
    ann = client.join("Ann")
    return lambda source: client.say(ann, source)


def observed(job_context: JobContext, family: Family) -> dict[tuple[str, ...], float]:
    """Return how often each series was observed."""
    series = job_context.core.tally.buckets(family)
    return {labels: sum(buckets[:-1]) for labels, buckets in series.items()}


def test_each_message_is_timed(job_context: JobContext, say: Callable[[str], object]) -> None:
    for number in range(3):
        say(str(number))
    render_messages()
    assert observed(job_context, RENDER_SECONDS) == {(): 3}


def test_fetches_by_how_they_end(
    job_context: JobContext, say: Callable[[str], object], site: WebSite
) -> None:
    say(f"{site.url('/a')} {site.url('/b')} {site.url('/gone')} http://127.0.0.1:1/")
    render_messages()
    fetch_links()
    assert observed(job_context, FETCH_SECONDS) == {
        ("fetched",): 2,
        ("failed",): 1,
        ("refused",): 1,
    }


def test_jobs_by_how_they_end(job_context: JobContext, redis: Redis) -> None:
    queue_of(redis).enqueue("ngw2f.jobs.render.render_messages")
    queue_of(redis).enqueue("math.sqrt", -1)
    worker = ChatWorker(job_context, QUEUES, 100, None)
    for _ in range(2):
        found = worker.dequeue_job_and_maintain_ttl(1)
        assert found is not None
        job, queue = found
        worker.prepare_execution(job)
        worker.perform_job(job, queue)
    worker.connection.close()
    assert job_context.core.tally.values(JOBS) == {
        ("render_messages", "done"): 1,
        ("sqrt", "failed"): 1,
    }
    assert observed(job_context, JOB_SECONDS) == {("render_messages",): 1, ("sqrt",): 1}
