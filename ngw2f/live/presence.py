"""Who is online: seen in the last minute, as Redis remembers it for all processes.

A sorted set holds every user who is online, by the Unix second when last seen. The process that
adds a user, or removes one whose minute is over, publishes the change. So after a process was
killed, its users do not stay online.
"""

import time
from collections.abc import Collection
from typing import cast

from redis import Redis

from ngw2f.broker.connection import Broker

ONLINE_SECONDS = 60
# How often a user is noted in Redis, however many requests come.
TOUCH_SECONDS = 10

# Note that users ARGV[2], ... were seen at ARGV[1]; return those who were not online.
ENTER = """
local came = {}
for i = 2, #ARGV do
  if redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[i]) == 1 then
    came[#came + 1] = tonumber(ARGV[i])
  end
end
return came
"""
# Remove the users not seen since ARGV[1]; return each with the time when last seen.
LEAVE = """
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
return gone
"""


class Presence:
    """When users were last seen."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._key = broker.key("presence")
        self._enter = broker.redis.register_script(ENTER)
        self._leave = broker.redis.register_script(LEAVE)
        # Only saves round trips: the truth is in Redis.
        self._touched: dict[int, float] = {}

    def is_due(self, user_id: int) -> bool:
        """Return whether this process has not noted the user for TOUCH_SECONDS."""
        return self._touched.get(user_id, 0) <= time.time() - TOUCH_SECONDS

    def enter(self, user_ids: Collection[int]) -> list[int]:
        """Note that the users are online; return those who were not before."""
        if not user_ids:
            return []
        now = time.time()
        if len(self._touched) > 10_000:
            self._touched.clear()
        self._touched.update(dict.fromkeys(user_ids, now))
        arguments = [now, *user_ids]
        return self._broker.attempt(
            lambda redis: cast(
                list[int], self._enter(keys=[self._key], args=arguments, client=redis)
            ),
            [],
        )

    def leave(self) -> dict[int, float]:
        """Remove the users whose minute is over; return when each was last seen."""
        since = time.time() - ONLINE_SECONDS
        nobody: list[bytes] = []
        gone = self._broker.attempt(
            lambda redis: cast(
                list[bytes], self._leave(keys=[self._key], args=[since], client=redis)
            ),
            nobody,
        )
        return {int(gone[i]): float(gone[i + 1]) for i in range(0, len(gone), 2)}

    def online_ids(self) -> set[int]:
        since = time.time() - ONLINE_SECONDS
        return self._broker.attempt(lambda redis: self._seen_since(redis, since), set())

    def _seen_since(self, redis: Redis, since: float) -> set[int]:
        # The client's types do not know that without scores it returns only members.
        members = cast(list[bytes], redis.zrangebyscore(self._key, since, "+inf"))
        return {int(user_id) for user_id in members}

    def is_online(self, user_id: int) -> bool:
        score = self._broker.attempt(lambda redis: redis.zscore(self._key, str(user_id)), None)
        return score is not None and score > time.time() - ONLINE_SECONDS
