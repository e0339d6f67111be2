"""A shared HTTP cache by RFC 9111 as WSGI middleware."""

from middleware.cache.groups import Clock, GroupClock, SharedGroupClock
from middleware.cache.middleware import HTTPCacheMiddleware
from middleware.cache.policy import CachePolicy
from middleware.cache.stores import MemoryStore, RedisStore, Store

__all__ = [
    "CachePolicy",
    "Clock",
    "GroupClock",
    "HTTPCacheMiddleware",
    "MemoryStore",
    "RedisStore",
    "SharedGroupClock",
    "Store",
]
