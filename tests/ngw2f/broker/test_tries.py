from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from ngw2f.broker.connection import Broker
from ngw2f.broker.tries import Guesser, WrongTries
from ngw2f.errors import TooMany, Unavailable
from ngw2f.settings import Settings

STRANGER, OTHER = Guesser("198.51.100.1"), Guesser("198.51.100.2")
KNOWN = Guesser("device x", is_known=True)


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    broker = Broker(settings)
    yield broker
    broker.close()


@pytest.fixture
def tries(broker: Broker) -> WrongTries:
    return WrongTries(broker, "2/minute", "5/hour")


def try_wrong(tries: WrongTries, guesser: Guesser, times: int = 1) -> None:
    for _ in range(times):
        tries.check("ann", guesser)
        tries.count("ann", guesser)


def test_wrong_ones_of_one_address_lock_that_address_out(tries: WrongTries) -> None:
    try_wrong(tries, STRANGER, 2)
    with pytest.raises(TooMany) as refused:
        tries.check("ann", STRANGER)
    assert 0 < (refused.value.retry_after or 0) <= 120
    tries.check("ann", OTHER)
    tries.check("bob", STRANGER)


def test_right_ones_are_not_counted(tries: WrongTries) -> None:
    for _ in range(10):
        tries.check("ann", STRANGER)


def test_many_addresses_are_bounded_together(tries: WrongTries) -> None:
    for number in range(5):
        try_wrong(tries, Guesser(f"198.51.100.{number}"))
    with pytest.raises(TooMany):
        tries.check("ann", Guesser("203.0.113.1"))
    tries.check("bob", Guesser("203.0.113.1"))


def test_known_browser_is_counted_for_itself(tries: WrongTries) -> None:
    for number in range(5):
        try_wrong(tries, Guesser(f"198.51.100.{number}"))
    try_wrong(tries, KNOWN, 2)
    with pytest.raises(TooMany):
        tries.check("ann", KNOWN)


def test_known_browsers_tries_lock_no_stranger_out(tries: WrongTries) -> None:
    for number in range(6):
        try_wrong(tries, Guesser(f"device {number}", is_known=True))
    tries.check("ann", STRANGER)


def test_nobody_is_let_in_while_redis_is_away(
    tries: WrongTries, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(*_arguments: object) -> bool:
        raise RedisConnectionError("away")

    monkeypatch.setattr(tries._limiter, "test", be_away)
    monkeypatch.setattr(tries._limiter, "hit", be_away)
    with pytest.raises(Unavailable):
        tries.check("ann", STRANGER)
    with pytest.raises(Unavailable):
        tries.count("ann", STRANGER)
