"""Requests per second, over all worker processes.

Each process counts in memory, and once a second adds its counts to Redis, which has an
expiring counter for each second.
"""

import time
from collections import Counter

from redis import Redis

from ngw2f.broker.connection import Broker

# How many whole seconds to average over, without the current one.
WINDOW_SECONDS = 15
# How long after a second all processes have added its count.
DELAY_SECONDS = 2
TTL_SECONDS = 60


class RequestMeter:
    """Counts requests by the second in which they ended."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._counts: Counter[int] = Counter()
        # All that this process has counted.
        self.total = 0

    def count(self) -> None:
        self._counts[int(time.time())] += 1
        self.total += 1

    def flush(self) -> None:
        """Add this process's counts to the shared ones."""
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        pipeline = self._broker.redis.pipeline(transaction=False)
        for second, requests in counts.items():
            pipeline.incrby(self._key(second), requests)
            pipeline.expire(self._key(second), TTL_SECONDS)
        self._broker.attempt(lambda _redis: pipeline.execute(), None)

    def requests_per_second(self) -> float:
        """Return the average over the last WINDOW_SECONDS that all processes have reported."""
        self.flush()
        last = int(time.time()) - DELAY_SECONDS
        keys = [self._key(second) for second in range(last - WINDOW_SECONDS + 1, last + 1)]
        requests = self._broker.attempt(lambda redis: _sum(redis, keys), 0)
        return round(requests / WINDOW_SECONDS, 3)

    def _key(self, second: int) -> str:
        return self._broker.key(f"requests:{second}")


def _sum(redis: Redis, keys: list[str]) -> int:
    return sum(int(count) for count in redis.mget(keys) if count)
