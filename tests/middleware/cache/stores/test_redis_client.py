from __future__ import annotations

import sys
from types import ModuleType

import pytest
import redis
from redis.exceptions import RedisClusterException

from middleware.cache import RedisStore
from middleware.cache.stores.redis_client import errors_of_client


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
