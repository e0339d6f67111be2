"""A shared HTTP cache by RFC 9111 as WSGI middleware."""

from middleware.cache.groups import Clock, GroupClock, SharedGroupClock
from middleware.cache.hooks import TargetURI, only_cookies, same_host, without_parameters
from middleware.cache.middleware import HTTPCacheMiddleware
from middleware.cache.policy import CachePolicy
from middleware.cache.purge_requests import PurgeRequests, bearer
from middleware.cache.stores import MemoryStore, RedisStore, Store

__all__ = [
    "CachePolicy",
    "Clock",
    "GroupClock",
    "HTTPCacheMiddleware",
    "MemoryStore",
    "PurgeRequests",
    "RedisStore",
    "SharedGroupClock",
    "Store",
    "TargetURI",
    "bearer",
    "only_cookies",
    "same_host",
    "without_parameters",
]
