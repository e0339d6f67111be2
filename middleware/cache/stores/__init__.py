"""Where responses are kept: the interface, a store in memory, a store in Redis."""

from middleware.cache.stores.base import BodyWriter, Store
from middleware.cache.stores.memory import MemoryStore
from middleware.cache.stores.redis import RedisStore

__all__ = ["BodyWriter", "MemoryStore", "RedisStore", "Store"]
