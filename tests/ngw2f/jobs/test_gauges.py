import time
from collections.abc import Callable

import msgspec
import pytest
from redis import Redis

from ngw2f.jobs.context import JobContext, build_context
from ngw2f.jobs.gauges import read_gauges
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.wakeup import LINKS
from ngw2f.observe.metrics.text import QueueGauge
from ngw2f.settings import Settings
from tests.client import Client
from tests.ngw2f.jobs.conftest import WebSite
from tests.queues import queue_of


@pytest.fixture
def say(client: Client) -> Callable[[str], object]:
    ann = client.join("Ann")
    return lambda source: client.say(ann, source)


def gauges(job_context: JobContext) -> dict[str, QueueGauge]:
    return {
        gauge.name: gauge
        for gauge in read_gauges(job_context.core.database, job_context.core.broker)
    }


def test_nothing_waits(job_context: JobContext) -> None:
    assert gauges(job_context) == {
        name: QueueGauge(name, 0, 0.0, failed_jobs=0, workers=0) for name in ("render", "links")
    }


def test_messages_and_links_wait(
    job_context: JobContext, say: Callable[[str], object], site: WebSite
) -> None:
    say(f"{site.url('/a')} {site.url('/b')}")
    assert gauges(job_context)["render"].waiting == 1
    job_context.outbox.render_batch(job_context.markdown.render)
    time.sleep(0.01)
    measured = gauges(job_context)
    assert measured["render"].waiting == 0
    assert measured["links"].waiting == 2
    assert 0.01 <= measured["links"].oldest_wait_seconds < 60


def test_workers_are_counted(job_context: JobContext) -> None:
    Heartbeats(job_context.core.broker).note([LINKS.queue], "one")
    assert gauges(job_context)["links"].workers == 1


def test_failed_jobs_are_counted(
    job_context: JobContext, redis: Redis, work: Callable[..., None]
) -> None:
    queue_of(redis).enqueue("math.sqrt", -1)
    work()
    assert gauges(job_context)["render"].failed_jobs == 1


def test_gauges_without_redis(settings: Settings) -> None:
    away = build_context(msgspec.structs.replace(settings, redis_url="redis://127.0.0.1:1"))
    assert gauges(away)["render"] == QueueGauge("render", 0, 0.0, failed_jobs=None, workers=None)
    away.close()
