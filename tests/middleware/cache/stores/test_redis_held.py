from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from middleware.cache.stores.redis_held import HeldConnections, most_held
from tests.waiting import wait_until

SECONDS = 60


@pytest.fixture
def client(server: str) -> Iterator[Any]:
    """Give a client that tries once: what is tried again, the store tries."""
    retry = Retry(NoBackoff(), 0)
    # No command waits longer, nor a child that sends one.
    limit = 2 * SECONDS
    with redis.Redis(unix_socket_path=server, retry=retry, socket_timeout=limit) as client:
        client.flushall()
        yield client
        client.connection_pool.disconnect()


def number(held: HeldConnections) -> int:
    return int(held.execute("CLIENT", "ID"))


def test_connection_is_used_again(client: Any) -> None:
    held = HeldConnections(client)
    assert number(held) == number(held)


def test_connection_is_in_one_hand_at_a_time(client: Any) -> None:
    held = HeldConnections(client)
    first = held.execute("CLIENT", "ID")
    waiting = threading.Thread(target=held.execute, args=("BLPOP", "list", SECONDS))
    waiting.start()
    clients = ("CLIENT", "LIST", "ID", first)
    wait_until(lambda: b"cmd=blpop" in bytes(client.execute_command(*clients)))
    assert number(held) != first
    client.lpush("list", "1")
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    assert len(held._idle) == 2


def test_few_connections_wait(server: str) -> None:
    pool = redis.ConnectionPool(
        connection_class=redis.UnixDomainSocketConnection, path=server, max_connections=4
    )
    with redis.Redis(connection_pool=pool) as client:
        held = HeldConnections(client)

        class Takes(list[Any]):
            """As if another thread had given its connection back meanwhile."""

            def pop(self, *_: Any) -> Any:
                raise IndexError

        held.execute("PING")
        held._idle = Takes(held._idle)
        held.execute("PING")
        assert len(held._idle) == 1
        # The one that was too many is the pool's again.
        assert len(pool._available_connections) == 1
    pool.disconnect()


def test_connection_that_the_server_closed_is_no_error(client: Any) -> None:
    held = HeldConnections(client)
    old = number(held)
    client.execute_command("CLIENT", "KILL", "ID", old)
    assert number(held) != old
    assert held._idle == []


def test_error_of_a_new_connection_passes(client: Any) -> None:
    held = HeldConnections(client)
    with pytest.raises(redis.ResponseError):
        held.execute("NOTHING")
    assert held._idle == []


def test_connection_is_not_used_after_an_interruption(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldConnections(client)
    old = number(held)

    def interrupted(*_: Any) -> Any:
        held_client.connection.send_command("CLIENT", "ID")
        raise KeyboardInterrupt

    (held_client,) = held._idle
    monkeypatch.setattr(held_client, "execute_command", interrupted)
    with pytest.raises(KeyboardInterrupt):
        held.execute("PING")
    assert held._idle == []
    # The answer that nobody has read is for nobody.
    assert held.execute("ECHO", "mine") == b"mine"
    assert number(held) != old


def test_connection_is_not_shared_after_a_fork(client: Any) -> None:
    held = HeldConnections(client)
    old = number(held)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if number(held) != old else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert number(held) == old


class Derived(redis.Redis):
    """Somebody's own."""


@pytest.mark.parametrize("size", [3, 8, 1000])
def test_part_of_a_pool_may_be_held(size: int) -> None:
    assert most_held(redis.Redis(max_connections=size)) == {3: 0, 8: 2, 1000: 16}[size]


def test_unknown_clients_are_asked_each_time(client: Any) -> None:
    assert most_held(Derived()) == 0
    assert most_held(object()) == 0
    assert most_held(client.client()) == 0
    pool = SentinelConnectionPool("name", Sentinel([("h", 1)]))  # type: ignore[no-untyped-call]  # redis-py's.
    assert most_held(redis.Redis(connection_pool=pool)) == 0
    assert HeldConnections(Derived(connection_pool=client.connection_pool)).execute("PING")
