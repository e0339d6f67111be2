"""The state of the queues, for /metrics and /readyz: what waits, how long, failures, workers."""

import time

from redis import Redis
from rq.registry import FailedJobRegistry

from ngw2f.broker.connection import Broker
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.wakeup import LINKS, RENDER, queue_name
from ngw2f.observe.metrics.text import QueueGauge
from ngw2f.store import previews, render_queue
from ngw2f.store.database import Database


def read_gauges(database: Database, broker: Broker) -> list[QueueGauge]:
    """Return the gauges of all queues, by two database queries and four to Redis."""
    now = time.time()
    with database.reading() as connection:
        outboxes = {
            RENDER.queue: render_queue.measure_outbox(connection),
            LINKS.queue: previews.measure_outbox(connection, now),
        }
    heartbeats = Heartbeats(broker)

    def read_queue(name: str, waiting: int, since: float | None) -> QueueGauge:
        def count_failed(redis: Redis) -> int:
            registry = FailedJobRegistry(queue_name(broker.prefix, name), connection=redis)
            return int(registry.get_job_count(cleanup=False))

        return QueueGauge(
            name,
            waiting,
            0.0 if since is None else max(0.0, now - since),
            broker.attempt(count_failed, None),
            broker.attempt(lambda _redis: heartbeats.count(name), None),
        )

    return [read_queue(name, *measured) for name, measured in outboxes.items()]
