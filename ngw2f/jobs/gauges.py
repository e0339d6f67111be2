"""How the queues are: what waits, since when, what failed, who works. For /metrics and /readyz."""

import time
from dataclasses import dataclass

from redis import Redis
from rq.registry import FailedJobRegistry

from ngw2f.broker.connection import Broker
from ngw2f.jobs.heartbeat import RollCall
from ngw2f.jobs.wakeup import LINKS, RENDER, queue_name
from ngw2f.store import messages, previews
from ngw2f.store.database import Database


@dataclass(frozen=True, slots=True)
class QueueGauge:
    """One queue. `waiting` counts messages or links, which are what waits, and not RQ's jobs.

    `failed_jobs` and `workers` are None while Redis is away.
    """

    name: str
    waiting: int
    oldest_wait_seconds: float
    failed_jobs: int | None
    workers: int | None


def read_gauges(database: Database, broker: Broker) -> list[QueueGauge]:
    """Return the gauges of all queues: two queries that read what waits, and four to Redis."""
    now = time.time()
    with database.reading() as connection:
        outboxes = {
            RENDER.queue: messages.measure_outbox(connection),
            LINKS.queue: previews.measure_outbox(connection, now),
        }
    roll_call = RollCall(broker)

    def read_queue(name: str, waiting: int, since: float | None) -> QueueGauge:
        def count_failed(redis: Redis) -> int:
            registry = FailedJobRegistry(queue_name(broker.prefix, name), connection=redis)
            return int(registry.get_job_count(cleanup=False))

        return QueueGauge(
            name,
            waiting,
            0.0 if since is None else max(0.0, now - since),
            broker.attempt(count_failed, None),
            broker.attempt(lambda _redis: roll_call.count(name), None),
        )

    return [read_queue(name, *measured) for name, measured in outboxes.items()]
