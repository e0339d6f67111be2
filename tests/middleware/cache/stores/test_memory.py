from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.entry import Entry
from middleware.cache.stores import MemoryStore
from middleware.cache.stores.memory import MemoryBody, MemoryBodyWriter, cost
from tests.middleware.cache.around import Client, entry, fresh, status_of


def new_entry(store: MemoryStore, key: str = "http://a.test/", **more: Any) -> Entry:
    return entry(key=key, started=store.lookup(key)[1], **more)


def stored(store: MemoryStore, key: str = "http://a.test/") -> list[Entry]:
    return list(store.lookup(key)[0])


def test_what_is_put_is_found() -> None:
    store = MemoryStore()
    made = new_entry(store)
    assert store.put(made)
    assert stored(store) == [made]
    assert store.is_current(made)
    assert len(store) == 1


def test_nothing_is_found_elsewhere() -> None:
    assert stored(MemoryStore()) == []


def test_dropped_entry_is_not_current() -> None:
    store = MemoryStore()
    made = new_entry(store)
    store.put(made)
    store.drop([made.key])
    assert not store.is_current(made)


def test_entry_made_before_a_drop_is_not_stored() -> None:
    store = MemoryStore()
    late = new_entry(store)
    store.drop([late.key])
    assert not store.put(late)
    assert stored(store) == []


def test_least_recently_used_goes_first() -> None:
    store = MemoryStore()
    for name in "abc":
        store.put(new_entry(store, name))
    store.lookup("a")
    store.max_bytes = store.size
    store.put(new_entry(store, "d"))
    assert [bool(stored(store, name)) for name in "abcd"] == [True, False, True, True]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20_000)), max_size=40))
def test_store_stays_within_its_bytes(puts: list[tuple[str, int]]) -> None:
    store = MemoryStore(max_bytes=50_000)
    for name, size in puts:
        store.put(new_entry(store, name, body=b"x" * size))
        kept = [one for key in "abcdef" for one in stored(store, key)]
        assert sum(map(cost, kept)) == store.size <= store.max_bytes


def test_values_that_select_an_entry_count() -> None:
    plain, selected = (
        entry(selecting=(("HTTP_ACCEPT", None), ("HTTP_COOKIE", value))) for value in ("", "x" * 99)
    )
    assert cost(selected) - cost(plain) >= 2 * 99, "its own, and what is remembered of requests"


def test_each_of_many_users_has_a_variant() -> None:
    client = Client(fresh(vary="Cookie"))
    fates = [
        ["hit" in status_of(client.ask(Cookie=f"session={user}")) for user in range(200)]
        for _ in range(2)
    ]
    assert fates == [[False] * 200, [True] * 200]


def test_variants_are_bounded() -> None:
    store = MemoryStore()
    for number in range(300):
        store.put(new_entry(store, selecting=(("HTTP_FOO", str(number)),)))
    kept = stored(store)
    assert len(kept) == 256
    assert store.size == sum(map(cost, kept))


def test_entry_larger_than_the_store_is_not_stored() -> None:
    store = MemoryStore(max_bytes=10_000)
    store.put(new_entry(store, "a"))
    assert not store.put(new_entry(store, "b", body=b"x" * 20_000))
    assert stored(store, "a"), "and empties it not"


def test_refresh_takes_the_place() -> None:
    store = MemoryStore()
    old = new_entry(store)
    store.put(old)
    new = new_entry(store)
    assert store.refresh(old, new)
    assert stored(store) == [new]


def test_refresh_of_what_is_gone_does_nothing() -> None:
    store = MemoryStore()
    assert not store.refresh(new_entry(store), new_entry(store))
    assert stored(store) == []


def test_refresh_after_a_drop_does_nothing() -> None:
    store = MemoryStore()
    old = new_entry(store)
    store.put(old)
    new = new_entry(store)
    store.drop([new.key])
    assert not store.refresh(old, new)
    assert stored(store) == [old]


def test_entry_evicted_during_the_lookup_is_still_served() -> None:
    class Forgetful(dict[str, Any]):
        def move_to_end(self, key: str) -> None:
            raise KeyError(key)

    store = MemoryStore()
    made = new_entry(store)
    store.put(made)
    store._resources = Forgetful(store._resources)  # type: ignore[assignment]
    assert stored(store) == [made]


def test_threads_keep_the_count() -> None:
    store = MemoryStore(max_bytes=60_000)

    def work(seed: int) -> None:
        for number in range(200):
            name = str((seed * 7 + number) % 20)
            store.put(new_entry(store, name, body=b"x" * (number * 37 % 5000)))
            store.lookup(name)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [one for number in range(20) for one in stored(store, str(number))]
    assert sum(map(cost, kept)) == store.size <= store.max_bytes


@given(st.lists(st.binary(max_size=10)), st.integers(0, 60), st.integers(0, 60))
def test_part_of_a_body_is_a_slice(chunks: list[bytes], one: int, other: int) -> None:
    whole = b"".join(chunks)
    start, stop = sorted((min(one, len(whole)), min(other, len(whole))))
    body = MemoryBody(tuple(chunks))
    assert b"".join(body.pieces(start, stop)) == whole[start:stop]


def test_part_is_of_the_pieces_that_it_touches() -> None:
    body = MemoryBody((b"ab", b"cd", b"ef"))
    assert list(body.pieces(2, 4)) == [b"cd"]
    assert list(body.pieces(1, 5)) == [b"b", b"cd", b"e"]


def test_whole_body_is_not_copied() -> None:
    large = b"x" * 100_000
    writer = MemoryBodyWriter()
    writer.write(large)
    (piece,) = writer.finish().pieces(0, len(large))
    assert piece is large


def test_small_chunks_are_joined() -> None:
    writer = MemoryBodyWriter()
    for _ in range(5000):
        writer.write(b"0123456789")
    body = writer.finish()
    assert body.size == 50_000
    assert len(list(body.pieces(0, body.size))) < 5


@pytest.mark.parametrize("written", [0, 3])
def test_discarded_body_is_empty(written: int) -> None:
    writer = MemoryBodyWriter()
    writer.write(b"x" * written)
    writer.discard()
    assert writer.finish().size == 0
