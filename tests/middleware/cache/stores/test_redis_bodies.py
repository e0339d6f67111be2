from __future__ import annotations

from typing import Any

import pytest
import redis

from middleware.cache import RedisStore
from tests.middleware.cache.around import entry
from tests.middleware.cache.stores.kept import KEY, Broken, content, found, new_entry, store_on


def test_empty_body(store: RedisStore) -> None:
    store.put(new_entry(store, body=b""))
    (one,) = found(store)
    assert store.is_current(one)
    assert content(one) == b""


def test_large_body_is_written_and_read_in_pieces(store: RedisStore) -> None:
    whole = bytes(range(256)) * 4096
    store.put(new_entry(store, body=whole))
    (one,) = found(store)
    assert store.is_current(one)
    assert len(list(one.body.pieces(0, one.body.size))) == 4
    assert content(one) == whole
    assert b"".join(one.body.pieces(5, 300_000)) == whole[5:300_000]


def test_body_is_fetched_once(store: RedisStore, connection: redis.Redis) -> None:
    store.put(new_entry(store))
    (one,) = found(store)
    assert store.is_current(one)
    connection.delete(one.body.key)  # type: ignore[attr-defined]
    assert store.is_current(one)
    assert content(one) == b"hello"
    assert b"".join(one.body.pieces(1, 3)) == b"el"


@pytest.mark.parametrize("size", [5, 300_000])
def test_entry_without_its_body_is_not_current(
    store: RedisStore, connection: redis.Redis, size: int
) -> None:
    store.put(new_entry(store, body=b"x" * size))
    (one,) = found(store)
    connection.delete(one.body.key)  # type: ignore[attr-defined]
    assert not store.is_current(one)
    with pytest.raises(ConnectionError):
        content(one)


def test_copies_in_the_process_are_bounded(connection: redis.Redis) -> None:
    store = store_on(connection, local_bytes=10)
    for number in range(5):
        store.put(new_entry(store, selecting=(("HTTP_FOO", str(number)),)))
    assert all(map(store.is_current, found(store)))
    copies = store._bodies
    assert copies._copied_bytes == sum(map(len, copies._copies.values())) == 10
    assert {content(one) for one in found(store)} == {b"hello"}


@pytest.mark.parametrize("size", [0, 5, 300_000])
def test_discarded_body_leaves_nothing(
    store: RedisStore, connection: redis.Redis, size: int
) -> None:
    writer = store.writer()
    writer.write(b"x" * size)
    writer.discard()
    assert connection.keys("cache:b:*") == []


def test_body_that_lost_bytes_is_not_stored(store: RedisStore, connection: redis.Redis) -> None:
    made = new_entry(store)
    connection.set(made.body.key, b"hell")  # type: ignore[attr-defined]
    assert not store.put(made)


@pytest.mark.parametrize("method", ["APPEND", "EXPIRE"])
def test_rest_of_a_body_is_not_sent_to_who_is_away(connection: redis.Redis, method: str) -> None:
    class Failing(Broken):
        def execute_command(self, *arguments: Any) -> Any:
            self.away = self.away or arguments[0] == method
            return super().execute_command(*arguments)

    client = Failing(connection)
    client.away = False
    store = store_on(client)
    writer = store.writer()
    for _ in range(4):
        writer.write(b"x" * 300_000)
    assert client.refused == 1
    client.away = False
    made = entry(key=KEY, started=0, body_object=writer.finish())
    assert not store.put(made)
    writer.discard()
    assert client.refused == 1
