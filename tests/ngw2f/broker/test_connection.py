import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from ngw2f.broker import connection as module
from ngw2f.broker.connection import (
    MAX_SOCKET_PATH_BYTES,
    Broker,
    broker_url,
    connect,
    embedded_socket,
)
from ngw2f.settings import Settings


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    broker = Broker(settings)
    yield broker
    broker.close()


@pytest.fixture
def away(settings: Settings, tmp_path: Path) -> Iterator[Broker]:
    """Return a broker whose server is not there (yet)."""
    url = f"unix://{tmp_path}/none.sock"
    broker = Broker(msgspec.structs.replace(settings, redis_url=url))
    yield broker
    broker.close()


def test_attempt_returns_the_answer(broker: Broker) -> None:
    assert broker.attempt(lambda redis: redis.ping(), False) is True


def test_key_has_the_prefix(broker: Broker) -> None:
    assert broker.key("events") == "ngw2f:events"


def test_attempt_goes_on_without(away: Broker) -> None:
    assert away.attempt(lambda redis: str(redis.ping()), "otherwise") == "otherwise"


def test_one_attempt_a_while(away: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than three attempts take, however slow the machine is.
    monkeypatch.setattr(module, "PAUSE_SECONDS", 600)
    asked = []

    def ask(redis: Redis) -> None:
        asked.append(True)
        redis.ping()

    for _ in range(3):
        away.attempt(ask, None)
    assert len(asked) == 1


def test_one_line_when_it_goes_and_comes(
    away: Broker,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            away.attempt(lambda redis: redis.ping(), None)
        for _ in range(3):
            away.attempt(lambda _redis: broker.redis.ping(), None)
    first, second = [record.getMessage() for record in caplog.records]
    assert first.startswith("Redis is unreachable (")
    assert second == "Redis is back"


def test_other_errors_are_failures_too(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    def misuse(redis: Redis) -> None:
        raise ResponseError("READONLY You can't write against a read only replica.")

    assert broker.attempt(misuse, None) is None
    assert "READONLY" in caplog.text


def test_programming_errors_are_raised(broker: Broker) -> None:
    with pytest.raises(ZeroDivisionError):
        broker.attempt(lambda _redis: 1 // 0, None)


def test_connection_that_broke_is_tried_again(broker: Broker, redis: Redis) -> None:
    broker.redis.ping()
    redis.client_kill_filter(_type="normal", skipme=True)
    assert broker.attempt(lambda client: client.ping(), False) is True


def test_client_has_all_the_connections_that_it_may_have(valkey_url: str) -> None:
    settings = Settings(redis_url=f"{valkey_url}?max_connections=1")
    with connect(settings) as client:
        assert client.ping()


def test_url_of_the_embedded_one() -> None:
    assert broker_url(Settings(data_dir="/srv/chat")) == "unix:///srv/chat/valkey.sock"
    assert broker_url(Settings(redis_url="redis://h")) == "redis://h"


def test_long_path_gets_a_short_socket() -> None:
    long, other = Path("/" + "x" * 100), Path("/" + "y" * 100)
    path = embedded_socket(long)
    assert len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES
    assert path.is_relative_to(tempfile.gettempdir())
    assert path == embedded_socket(long) != embedded_socket(other)


@pytest.mark.parametrize("end", ["\n", "\x85", "\u2028"])
def test_path_of_two_lines_is_not_a_sockets(end: str) -> None:
    """Valkey's list of clients has it, and who reads that reads lines."""
    path = embedded_socket(Path(f"/one{end}two"))
    assert path.parent.parent == Path(tempfile.gettempdir())


def test_path_is_measured_in_bytes() -> None:
    assert not embedded_socket(Path("/" + "ä" * 60)).is_relative_to("/" + "ä" * 60)
