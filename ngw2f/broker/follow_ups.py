"""What jobs did for a request, for its X-ray: a short list in Redis under the request's id.

The process that records a request begins its list, before it writes what jobs will find. A job
only appends to lists that were begun (RPUSHX), so that others cost one round trip for each of its
batches; and where X-ray is off, nothing at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from redis import Redis

from ngw2f.broker.connection import Broker

KEEP_SECONDS = 600
# Of a connection by which messages may come for hours.
KEEP_CONNECTION_SECONDS = 24 * 3600
MAX_ENTRIES = 100
# The first entry of a list, which only keeps it.
BEGIN = b""

Facts = dict[str, str | int | float]


class FollowUp(msgspec.Struct, frozen=True):
    """A piece of work for a request: what, at what Unix time, and for how many seconds."""

    kind: str
    name: str
    at: float
    seconds: float
    facts: Facts


class FollowUps:
    """The lists of one chat. While Redis is unreachable nothing is kept, and nothing fails."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(FollowUp)

    def begin(self, request_id: str, keep_seconds: int = KEEP_SECONDS) -> None:
        """Have jobs note what they do for this request."""

        def send(redis: Redis) -> None:
            with redis.pipeline(transaction=False) as pipeline:
                pipeline.rpush(self._key(request_id), BEGIN)
                pipeline.expire(self._key(request_id), keep_seconds)
                pipeline.execute()

        self._broker.attempt(send, None)

    def add(self, found: Mapping[str, Iterable[FollowUp]]) -> None:
        """Append to the lists of requests, by their ids, as far as they were begun."""
        values: dict[str, list[Any]] = {
            request_id: [self._encoder.encode(each) for each in follow_ups]
            for request_id, follow_ups in found.items()
            if request_id
        }
        if not values:
            return

        def send(redis: Redis) -> None:
            with redis.pipeline(transaction=False) as pipeline:
                for request_id, encoded in values.items():
                    pipeline.rpushx(self._key(request_id), *encoded)
                    # The newest: a connection may bring many messages.
                    pipeline.ltrim(self._key(request_id), -MAX_ENTRIES, -1)
                pipeline.execute()

        self._broker.attempt(send, None)

    def list(self, request_id: str) -> Sequence[FollowUp]:
        """Return what was done for a request, in the order in which it was noted."""
        nothing: Any = []
        key = self._key(request_id)
        found = self._broker.attempt(lambda redis: redis.lrange(key, 0, -1), nothing)
        return [self._decoder.decode(each) for each in found if each != BEGIN]

    def _key(self, request_id: str) -> str:
        return self._broker.key(f"xray:{request_id}")
