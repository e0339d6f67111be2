"""RQ's side of a chat with the default prefix: its queues, and the ids of its jobs."""

from redis import Redis
from rq import Queue

from ngw2f.jobs.wakeup import RENDER, Call, job_id, queue_name
from ngw2f.settings import Settings

PREFIX = Settings().redis_prefix


def queue_of(redis: Redis, call: Call = RENDER) -> Queue:
    return Queue(queue_name(PREFIX, call.queue), connection=redis)


def id_of(call: Call = RENDER) -> str:
    return job_id(PREFIX, call)
