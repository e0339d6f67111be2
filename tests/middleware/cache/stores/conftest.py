"""A Redis for the tests of this folder, emptied for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from middleware.cache import MemoryStore, RedisStore, Store
from tests.middleware.cache.stores.kept import store_on
from tests.middleware.cache.stores.server import redis_client, redis_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as path:
        yield path


@pytest.fixture
def connection(server: str) -> Iterator[redis.Redis]:
    with redis_client(server) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(connection: redis.Redis) -> RedisStore:
    return store_on(connection)


@pytest.fixture(params=["memory", "redis"])
def kept(request: pytest.FixtureRequest) -> Store:
    """Give an empty store of each kind."""
    if request.param == "memory":
        return MemoryStore()
    return store_on(request.getfixturevalue("connection"))
