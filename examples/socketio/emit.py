"""Emit through a Node server, from any process: python emit.py REDIS_URL TEXT.

This is what Node's `@socket.io/redis-emitter` does. The server's adapter subscribes to a channel
for each namespace; a message has a sender, a packet, and its recipients.
"""

import sys

import msgpack
from redis import Redis

# Packet types of the Socket.IO protocol, version 5.
EVENT = 2


def emit(redis: Redis, event: str, *arguments: object) -> int:
    """Emit to all in the namespace `/`; return how many servers received it."""
    packet = {"type": EVENT, "data": [event, *arguments], "nsp": "/"}
    whom: dict[str, object] = {"rooms": [], "except": [], "flags": {}}
    # A server skips its own messages, which it recognizes by the sender's name.
    return int(redis.publish("socket.io#/#", msgpack.packb(["emitter", packet, whom])))


if __name__ == "__main__":
    url, text = sys.argv[1:]
    emit(Redis.from_url(url), "said", text)
