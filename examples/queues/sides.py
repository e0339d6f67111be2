"""Celery and RQ for `killed.py`: send the job, and ask for its state."""

from typing import Any

from celery import Celery
from redis import Redis
from rq import Queue, Retry
from rq.job import Job


class CelerySide:
    """Celery keeps a taken message in `unacked` until it is acknowledged."""

    name = "Celery"
    command = "celery -A tasks worker -c 1 --without-mingle"
    # The time at which each message was taken.
    times = "unacked_index"

    def __init__(self, url: str, name: str) -> None:
        self.redis = Redis.from_url(url)
        self.result: Any = Celery(broker=url, backend=url).send_task(name)

    def kept(self) -> str:
        queued, unacked = self.redis.llen("celery"), self.redis.hlen("unacked")
        return "queued" if queued else "unacked" if unacked else "-"

    def says(self) -> str:
        return str(self.result.state)


class RQSide:
    """RQ keeps the job itself, and its registry."""

    name = "RQ"
    command = "rq worker --url $REDIS_URL"
    # The time until which each job counts as running.
    times = "rq:wip:default"

    def __init__(self, url: str, name: str) -> None:
        self.redis = Redis.from_url(url)
        retry = Retry(max=1) if name == "retry" else None
        self.job: Job = Queue(connection=self.redis).enqueue("work.work", retry=retry)

    def kept(self) -> str:
        places = {
            "queued": self.redis.llen("rq:queue:default"),
            "started": self.redis.zcard("rq:wip:default"),
            "failed": self.redis.zcard("rq:failed:default"),
        }
        return next((place for place, number in places.items() if number), "-")

    def says(self) -> str:
        return str(self.job.get_status().value)
