import time

import msgspec
import pytest

from ngw2f.jobs.context import build_workshop
from ngw2f.jobs.gauges import QueueGauge, read_gauges
from ngw2f.jobs.heartbeat import RollCall
from ngw2f.jobs.wakeup import LINKS
from tests.queues import queue_of


@pytest.fixture
def say(client):
    ann = client.join("Ann")
    return lambda source: client.say(ann, source)


def gauges(workshop):
    return {gauge.name: gauge for gauge in read_gauges(workshop.database, workshop.broker)}


def test_nothing_waits(workshop):
    assert gauges(workshop) == {
        name: QueueGauge(name, 0, 0.0, failed_jobs=0, workers=0) for name in ("render", "links")
    }


def test_messages_and_links_wait(workshop, say, site):
    say(f"{site.url('/a')} {site.url('/b')}")
    assert gauges(workshop)["render"].waiting == 1
    workshop.outbox.render_batch(workshop.markdown.render)
    time.sleep(0.01)
    measured = gauges(workshop)
    assert measured["render"].waiting == 0
    assert measured["links"].waiting == 2
    assert 0.01 <= measured["links"].oldest_wait_seconds < 60


def test_workers_are_counted(workshop):
    RollCall(workshop.broker).note([LINKS.queue], "one")
    assert gauges(workshop)["links"].workers == 1


def test_failed_jobs_are_counted(workshop, redis, work):
    queue_of(redis).enqueue("math.sqrt", -1)
    work()
    assert gauges(workshop)["render"].failed_jobs == 1


def test_gauges_without_redis(settings):
    away = build_workshop(msgspec.structs.replace(settings, redis_url="redis://127.0.0.1:1"))
    assert gauges(away)["render"] == QueueGauge("render", 0, 0.0, failed_jobs=None, workers=None)
    away.close()
