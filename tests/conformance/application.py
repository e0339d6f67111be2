"""The cache around the forwarder, as the suite for HTTP caches meets it.

CONFORMANCE_ORIGIN_PORT names the origin; with CONFORMANCE_REDIS_SOCKET the store is in Redis,
else in memory.
"""

import os

import redis

from middleware.cache import CachePolicy, HTTPCacheMiddleware, MemoryStore, RedisStore, Store
from tests.conformance.forwarder import Forwarder

# Two choices differ from the defaults: the suite has a targeted field, and it requires
# that Set-Cookie is stored.
POLICY = CachePolicy(targeted_field="CDN-Cache-Control", store_set_cookie=True)


def _store() -> Store:
    path = os.environ.get("CONFORMANCE_REDIS_SOCKET")
    if not path:
        return MemoryStore()
    return RedisStore(redis.Redis(unix_socket_path=path), errors=(redis.RedisError,))


application = HTTPCacheMiddleware(
    Forwarder("127.0.0.1", int(os.environ["CONFORMANCE_ORIGIN_PORT"])),
    store=_store(),
    policy=POLICY,
)
