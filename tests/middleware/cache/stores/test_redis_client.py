from __future__ import annotations

import sys
from types import ModuleType

import pytest
import redis
from redis.exceptions import RedisClusterException

from middleware.cache import RedisStore
from middleware.cache.stores.base import NO_TIME
from middleware.cache.stores.redis_client import errors_of_client
from tests.middleware.cache.stores.kept import KEY, new_entry


@pytest.mark.parametrize(
    "error",
    [redis.TimeoutError, redis.BusyLoadingError, redis.ReadOnlyError, RedisClusterException],
)
def test_redis_errors_are_covered(error: type[Exception]) -> None:
    assert issubclass(error, errors_of_client(object()))
    assert not issubclass(ValueError, errors_of_client(object()))


def test_errors_come_from_the_package_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("keyval.exceptions")
    error = type("KeyvalError", (Exception,), {"__module__": "keyval.exceptions"})
    vars(module).update(KeyvalError=error, ValueError=ValueError, text="no class")
    monkeypatch.setitem(sys.modules, "keyval.exceptions", module)
    client = type("Client", (), {"__module__": "keyval.client"})()
    assert error in errors_of_client(client)
    assert ValueError not in errors_of_client(client)


def test_client_that_answers_with_text_is_refused() -> None:
    with pytest.raises(ValueError, match="decode_responses"):
        RedisStore(redis.Redis(decode_responses=True))


class Hanging:
    """A client whose commands time out after a while, by the test's clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 100.0
        self.asked = 0

    def execute_command(self, *arguments: object) -> object:
        self.asked += 1
        self.now += self.seconds
        if self.seconds:
            raise redis.TimeoutError
        return [1]


@pytest.mark.parametrize(("seconds", "pause"), [(0.25, 2.5), (2, 5)])
def test_server_that_hangs_is_left_alone_for_a_while(seconds: float, pause: float) -> None:
    client = Hanging(seconds)
    store = RedisStore(client)
    store._connection._now = lambda: client.now
    entry = new_entry(store, started=1)
    asked = client.asked
    assert (asked, store.lookup(KEY)[1], store.put(entry)) == (1, NO_TIME, False)
    assert client.asked == asked
    client.seconds = 0
    assert store.drop(["g"]), "a drop is sent all the same"
    client.seconds = seconds
    store.lookup(KEY)
    asked, client.seconds = client.asked, 0
    client.now += pause - 0.01
    assert store.lookup(KEY)[1] == NO_TIME
    client.now += 0.02
    assert store.lookup(KEY)[1] == 1
    assert client.asked == asked + 1
