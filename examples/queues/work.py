"""The job, the same for Celery and for RQ: it begins, waits for something, and is done.

By hand, `BLPOP begun 60` waits until it has begun and says in which process, `RPUSH go 1` lets it
go on, and `LLEN done` is how often it was done.
"""

import os

from redis import Redis


def work() -> None:
    """Say in Redis what happens, so that it outlives this process."""
    # By itself the client waits 5 s for an answer, and this one takes as long as one types.
    redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    redis.rpush("begun", os.getpid())
    redis.blpop(["go"])
    redis.rpush("done", os.getpid())
