import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from werkzeug.exceptions import TooManyRequests

from ngw2f.broker import Broker
from ngw2f.limits import PostLimit
from ngw2f.settings import Settings


@pytest.fixture
def limit(settings: Settings):
    broker = Broker(settings)
    yield PostLimit(broker, "2/minute")
    broker.close()


def test_posts_are_limited(limit: PostLimit) -> None:
    limit.take(1)
    limit.take(1)
    with pytest.raises(TooManyRequests) as refused:
        limit.take(1)
    assert refused.value.retry_after == 60


def test_accounts_are_counted_apart(limit: PostLimit) -> None:
    for user_id in (1, 1, 2, 2):
        limit.take(user_id)


def test_nobody_is_limited_while_redis_is_away(
    limit: PostLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(*_arguments: object) -> bool:
        raise RedisConnectionError("away")

    monkeypatch.setattr(limit._limiter, "hit", be_away)
    for _ in range(5):
        limit.take(1)
