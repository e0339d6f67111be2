"""What is in a stream of events, with the types that it has without `decode_responses`."""

from typing import cast

from redis import Redis

Entries = list[tuple[bytes, dict[bytes, bytes]]]


def entries_of(redis: Redis, key: str, after: str = "-") -> Entries:
    """Return the entries of the stream *key*, oldest first, each with its id and its fields."""
    return cast(Entries, redis.xrange(key, min=after))
