"""RQ's side of a chat with the default prefix: its queues, and the ids of its jobs."""

from redis import Redis
from rq import Queue

from ngw2f.jobs.wakeup import RENDER, OutboxJob, job_id, queue_name
from ngw2f.settings import Settings

PREFIX = Settings().redis_prefix


def queue_of(redis: Redis, job: OutboxJob = RENDER) -> Queue:
    return Queue(queue_name(PREFIX, job.queue), connection=redis)


def id_of(job: OutboxJob = RENDER) -> str:
    return job_id(PREFIX, job)
