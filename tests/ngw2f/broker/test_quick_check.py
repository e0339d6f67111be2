"""Pooled connections are checked before each command, without the event loop's poll."""

import select
import socket
import ssl

import pytest
from redis import Redis
from redis._parsers import hiredis

from ngw2f.broker.connection import Broker
from ngw2f.broker.quick_check import use_quick_check
from ngw2f.settings import Settings


@pytest.fixture
def broker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Broker:
    monkeypatch.setattr(hiredis, "_socket_can_read", hiredis._socket_can_read)
    use_quick_check()
    return Broker(settings)


def test_poll_of_the_event_loop_is_not_used(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "poll", None)
    for _ in range(3):
        assert broker.redis.ping()
    broker.close()


def test_connection_that_the_server_closed_is_replaced(broker: Broker, redis: Redis) -> None:
    number = broker.redis.client_id()
    redis.client_kill_filter(_id=str(number))
    assert broker.redis.client_id() != number
    broker.close()


def test_connection_with_an_answer_left_is_replaced(broker: Broker) -> None:
    pool = broker.redis.connection_pool
    connection = pool.get_connection()
    connection.send_command("PING")  # type: ignore[no-untyped-call] # redis-py's
    assert hiredis._socket_can_read(connection._sock, 60.0)  # The answer has come.
    pool.release(connection)
    assert broker.redis.echo("mine") == b"mine"
    broker.close()


def test_tls_is_asked_for_what_it_has_read_already(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def ask(sock: object, _timeout: float) -> bool:
        asked.append(sock)
        return True

    monkeypatch.setattr(hiredis, "_socket_can_read", ask)
    use_quick_check()
    one, other = socket.socketpair()
    with (
        one,
        other,
        ssl.create_default_context().wrap_socket(
            one, server_hostname="a.example", do_handshake_on_connect=False
        ) as tls,
    ):
        assert hiredis._socket_can_read(tls, 0)
        assert not hiredis._socket_can_read(other, 0)
    assert asked == [tls]
