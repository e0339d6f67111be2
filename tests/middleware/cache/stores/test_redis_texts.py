from __future__ import annotations

from typing import Any

import pytest
import redis

from middleware.cache import CachePolicy, RedisStore
from middleware.cache.ranges import Span
from tests.middleware.cache.stores.kept import KEY, content, found, new_entry, store_on


def test_what_is_put_is_found_by_another(store: RedisStore, connection: redis.Redis) -> None:
    policy = CachePolicy(targeted_field="X", stale_if_error_seconds=5)
    made = new_entry(
        store,
        ("Age", "7"),
        ("X-Latin", "é"),
        ("Cache-Groups", '"g"'),
        selecting=(("HTTP_ACCEPT", None), ("HTTP_FOO", "1")),
        policy=policy,
        span=Span(0, 5, 10),
    )
    assert store.put(made)
    (one,) = found(store_on(connection))
    for name in ("id", "status", "headers", "selecting", "born", "policy", "span", "slots", "etag"):
        assert getattr(one, name) == getattr(made, name), name
    assert content(one) == b"hello"


def test_resource_that_has_not_changed_is_not_parsed_again(store: RedisStore) -> None:
    store.put(new_entry(store))
    variants, _ = store.lookup(KEY)
    assert store.lookup(KEY)[0] is variants


def test_entry_that_has_not_changed_is_not_parsed_again(store: RedisStore) -> None:
    store.put(new_entry(store, selecting=(("HTTP_FOO", "1"),)))
    (first,) = found(store)
    store.put(new_entry(store, selecting=(("HTTP_FOO", "2"),)))
    assert len(found(store)) == 2
    assert first in found(store)


def test_what_is_dropped_is_forgotten(store: RedisStore) -> None:
    store.put(new_entry(store))
    found(store)
    store.drop([KEY])
    assert found(store) == []
    assert store._texts._known == {}


def test_memory_of_parsed_entries_is_bounded(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("middleware.cache.stores.redis_texts._REMEMBERED", 2)
    for number in range(5):
        key = f"{KEY}{number}"
        store.put(new_entry(store, key=key))
        assert len(list(store.lookup(key)[0])) == 1
    assert sum(len(known.entries) for known in store._texts._known.values()) <= 2


def test_entry_of_another_release_is_not_found(store: RedisStore, connection: redis.Redis) -> None:
    store.put(new_entry(store))
    resource = f"cache:r:{KEY}"
    texts: Any = connection.hgetall(resource)
    for field, text in texts.items():
        connection.hset(resource, field, text.replace(b'"policy": {', b'"policy": {"new": 1, '))
    assert found(store_on(connection)) == []
    assert store.put(new_entry(store))
    assert len(found(store_on(connection))) == 1
