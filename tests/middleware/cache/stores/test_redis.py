from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from middleware.cache import CachePolicy, RedisStore
from tests.middleware.cache.around import NOON, Client, Origin, fresh, status_of
from tests.middleware.cache.stores.kept import KEY, Broken, content, found, new_entry, store_on
from tests.middleware.cache.stores.server import redis_client


def test_newest_comes_first(store: RedisStore) -> None:
    for number in (2, 3, 1):
        times: dict[str, Any] = {
            "response_time": NOON + number,
            "selecting": (("HTTP_FOO", str(number)),),
        }
        store.put(new_entry(store, **times))
    assert [one.response_time - NOON for one in found(store)] == [3, 2, 1]


def test_like_supersedes_like(store: RedisStore, connection: redis.Redis) -> None:
    old = new_entry(store)
    store.put(old)
    new = new_entry(store, body=b"new")
    store.put(new)
    (one,) = found(store)
    assert content(one) == b"new"
    assert connection.ttl(old.body.key) <= 60  # type: ignore[attr-defined]


def test_variants_are_bounded(store: RedisStore) -> None:
    for number in range(40):
        store.put(new_entry(store, selecting=(("HTTP_FOO", str(number)),)))
    assert len(found(store)) == 32


def test_refresh_keeps_the_body(store: RedisStore) -> None:
    old = new_entry(store)
    store.put(old)
    (old,) = found(store)
    new = old.updated(
        [("X-A", "2")],
        selecting=(),
        request_time=NOON,
        response_time=NOON + 9,
        started=old.started,
    )
    assert store.refresh(old, new)
    (one,) = found(store)
    assert (content(one), dict(one.headers)["X-A"]) == (b"hello", "2")


def test_everything_expires(store: RedisStore, connection: redis.Redis) -> None:
    made = new_entry(store, policy=CachePolicy(stale_when_disconnected_seconds=100))
    store.put(made)
    assert 100 < connection.ttl(f"cache:r:{KEY}") <= 161
    assert 100 < connection.ttl(made.body.key) <= 161  # type: ignore[attr-defined]


def test_dropped_entry_is_not_found(store: RedisStore, connection: redis.Redis) -> None:
    store.put(new_entry(store, ("Cache-Groups", '"g"')))
    store_on(connection).drop(["other"])
    assert len(found(store)) == 1
    store_on(connection).drop(["g"])
    assert found(store) == []
    assert connection.hlen(f"cache:r:{KEY}") == 0


def test_entry_made_before_a_drop_is_not_stored(store: RedisStore) -> None:
    late = new_entry(store, ("Cache-Groups", '"g"'))
    store.drop(["g"])
    assert not store.put(late)
    assert store.put(new_entry(store, ("Cache-Groups", '"g"')))


def test_lost_clock_loses_what_it_vouched_for(store: RedisStore, connection: redis.Redis) -> None:
    store.drop(["g"])
    store.put(new_entry(store))
    late = new_entry(store)
    connection.delete("cache:clock")
    assert found(store) == []
    assert not store.put(late)


@pytest.mark.parametrize("text", [b"", b"garbage", b"1", b"one two 3\n{}", b"1 body\n{}", None])
def test_what_is_not_an_entry_makes_room_for_one(
    connection: redis.Redis, text: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Another program wrote it, or an older release."""
    if text is None:
        connection.set(f"cache:r:{KEY}", b"no hash")
    else:
        connection.hset(f"cache:r:{KEY}", "id", text)
    store = store_on(connection)
    assert found(store) == []
    assert store.put(new_entry(store))
    assert len(found(store)) == connection.hlen(f"cache:r:{KEY}") == 1
    assert caplog.text == ""


# While Redis is away.


def test_nothing_is_found_and_nothing_stored(
    connection: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    client = Broken(connection)
    store = store_on(client)
    origin = fresh()
    cache = Client(origin, store=store)
    assert [cache.ask().content for _ in range(3)] == [b"hello"] * 3
    assert caplog.text.count("is unreachable") == 1
    client.away = False
    assert [cache.ask().content for _ in range(3)] == [b"hello"] * 3
    assert caplog.text.count("is back") == 1
    assert origin.calls == 4


def test_drop_that_did_not_arrive_is_sent_later(connection: redis.Redis) -> None:
    client = Broken(connection)
    client.away = False
    store = store_on(client)
    store.put(new_entry(store, ("Cache-Groups", '"g"')))
    client.away = True
    store.drop(["g"])
    assert found(store) == []
    client.away = False
    assert found(store) == []
    assert found(store_on(connection)) == []
    assert store.put(new_entry(store, ("Cache-Groups", '"g"')))


def test_entry_begun_while_away_is_not_stored(connection: redis.Redis) -> None:
    client = Broken(connection)
    store = store_on(client)
    _, started = store.lookup(KEY)
    client.away = False
    assert not store.put(new_entry(store, started=started))


def test_request_waits_for_lookups_only(connection: redis.Redis) -> None:
    """Each command may take as long as the client's time-out."""
    client = Broken(connection)
    cache = Client(fresh(b"x" * 1_000_000), store=store_on(client))
    cache.ask()
    assert client.refused == 1


# The whole cache on it.


@pytest.mark.parametrize("size", [5, 300_000])
def test_validated_response_without_its_body_is_asked_for_anew(
    connection: redis.Redis, size: int
) -> None:
    def lose() -> None:
        origin.before = lambda: None
        for key in connection.keys("cache:b:*"):
            connection.delete(key)

    origin = fresh(b"x" * size, etag='"a"')
    Client(origin, store=store_on(connection)).ask()
    origin.before = lose
    client = Client(origin, store=store_on(connection, local_bytes=0))
    client.clock.pass_by(61)
    first, second = client.ask(), client.ask()
    assert (first.status, len(first.content)) == ("200 OK", size)
    assert "hit" in status_of(second)
    assert origin.calls == 3


def test_cache_in_two_processes_is_one(connection: redis.Redis) -> None:
    origin = fresh(cache_groups='"g"')
    one, other = (Client(origin, store=store_on(connection)) for _ in range(2))
    one.ask()
    assert "hit" in status_of(other.ask())
    other.cache.drop_groups(["g"])
    assert "uri-miss" in status_of(one.ask())
    one.ask(method="POST")
    assert "uri-miss" in status_of(other.ask())


def test_validation_and_variants_across_processes(connection: redis.Redis) -> None:
    origin = fresh(vary="Accept", etag='"a"')
    one, other = (Client(origin, store=store_on(connection)) for _ in range(2))
    one.ask(Accept="a")
    done = other.ask(Accept="b")
    assert "fwd-status=304" in status_of(done)
    assert done.content == b"hello"
    for client in (one, other):
        for accept in "ab":
            exchange = client.ask(Accept=accept)
            assert "hit" in status_of(exchange)
            assert exchange.content == b"hello"
    one.clock.pass_by(61)
    assert "fwd-status=304" in status_of(one.ask(Accept="a"))
    assert one.ask(Accept="a", Range="bytes=1-2").content == b"el"


def test_prefixes_keep_caches_apart(connection: redis.Redis) -> None:
    origin = fresh()
    Client(origin, store=store_on(connection, prefix="{one}:")).ask()
    Client(origin, store=store_on(connection, prefix="{two}:")).ask()
    assert origin.calls == 2


ELSEWHERE = """
import sys, redis
from middleware.cache import RedisStore
RedisStore(redis.Redis(unix_socket_path=sys.argv[1])).drop(["g"])
"""


def test_drop_of_a_real_other_process(server: str, connection: redis.Redis) -> None:
    client = Client(fresh(cache_groups='"g"'), store=store_on(connection))
    client.ask()
    root = Path(__file__).parents[4]
    subprocess.run([sys.executable, "-c", ELSEWHERE, server], check=True, cwd=root)
    assert "uri-miss" in status_of(client.ask())


def test_parts_join_in_redis(connection: redis.Redis) -> None:
    def parts(environ: Any, start_response: Any) -> Any:
        first, last = map(int, environ["HTTP_RANGE"].removeprefix("bytes=").split("-"))
        headers = [("Cache-Control", "max-age=60"), ("ETag", '"a"'), ("Content-Length", "5")]
        start_response("206 Partial", [*headers, ("Content-Range", f"bytes {first}-{last}/10")])
        return [b"0123456789"[first : last + 1]]

    client = Client(parts, store=store_on(connection))
    client.ask(Range="bytes=5-9")
    client.ask(Range="bytes=0-4")
    done = client.ask()
    assert (done.status, done.content) == ("200 OK", b"0123456789")


def test_truncated_response_leaves_nothing(connection: redis.Redis) -> None:
    origin = Origin([b"hell"], cache_control="max-age=60", content_length="5")
    Client(origin, store=store_on(connection)).ask()
    assert connection.keys("*") == []


# What an outage looks like to a client, without a word on it in the options.


def refused_at_port() -> redis.Redis:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return redis.Redis(port=probe.getsockname()[1], socket_timeout=1, retry=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrapped", [False, True], ids=["client", "wrapper"])
def test_server_that_is_away_is_a_miss(wrapped: bool) -> None:
    client = refused_at_port()
    wrapper = Broken(client)
    wrapper.away = False
    origin = fresh()
    cache = Client(origin, store=store_on(wrapper if wrapped else client))
    assert [cache.ask().status for _ in range(2)] == ["200 OK", "200 OK"]
    assert origin.calls == 2
    client.close()


def test_server_that_refuses_is_a_miss(server: str) -> None:
    with redis_client(server) as admin:
        admin.config_set("requirepass", "secret")
        try:
            with redis_client(server) as client:
                assert Client(fresh(), store=RedisStore(client)).ask().status == "200 OK"
        finally:
            admin.execute_command("AUTH", "secret")  # type: ignore[no-untyped-call]
            admin.config_set("requirepass", "")


def test_redis_is_not_needed() -> None:
    code = """
import sys
sys.modules["redis"] = None
from middleware.cache.stores.redis import RedisStore
class Away:
    def execute_command(self, *arguments):
        raise ConnectionRefusedError
assert not RedisStore(Away()).lookup("http://localhost/")[0].entries
"""
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
