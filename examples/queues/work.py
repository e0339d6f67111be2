"""The job, the same for Celery and RQ: it begins, waits for something, and ends.

By hand, `BLPOP begun 60` waits for its begin and shows its process, `RPUSH go 1` lets it
continue, and `LLEN done` counts how often it ended.
"""

import os

from redis import Redis


def work() -> None:
    """Record the progress in Redis, so that it outlives this process."""
    # The client's default timeout is 5 s, and this answer takes as long as one types.
    redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    redis.rpush("begun", os.getpid())
    redis.blpop(["go"])
    redis.rpush("done", os.getpid())
