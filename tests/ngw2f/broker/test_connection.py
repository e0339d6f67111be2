import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from ngw2f.broker import connection as module
from ngw2f.broker.connection import Broker, broker_url, connect
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
