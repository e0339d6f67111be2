import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from ngw2f.broker.connection import Broker
from ngw2f.broker.limits import RULES, Counted, Hit, Limits, counting
from ngw2f.errors import TooMany, Unavailable
from ngw2f.settings import Settings
from tests.waiting import wait_until

RULES_OF_TWO = [rule._replace(limit="2/hour") for rule in RULES]


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    broker = Broker(settings)
    yield broker
    broker.close()


@pytest.fixture
def limits(broker: Broker) -> Limits:
    return Limits(broker, RULES_OF_TWO)


def test_writes_are_limited(limits: Limits) -> None:
    limits.take("post", 1)
    limits.take("post", 1)
    with pytest.raises(TooMany) as refused:
        limits.take("post", 1)
    assert 0 < (refused.value.retry_after or 0) <= 3600
    assert f"try again in {refused.value.retry_after} s" in str(refused.value.detail)


def test_accounts_and_rules_are_counted_apart(limits: Limits) -> None:
    for user_id in (1, 1, 2, 2):
        limits.take("post", user_id)
        limits.take("edit", user_id)


def test_processes_share_the_count(limits: Limits, settings: Settings) -> None:
    limits.take("post", 1)
    limits.take("post", 1)
    other = Broker(settings)
    with pytest.raises(TooMany):
        Limits(other, RULES_OF_TWO).take("post", 1)
    other.close()


def test_nothing_is_counted_where_limits_are_off(broker: Broker) -> None:
    limits = Limits(broker, RULES_OF_TWO, is_on=False)
    for _ in range(5):
        limits.take("post", 1)
        limits.take("register", "::1")


@pytest.fixture
def _redis_away(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_away(*_arguments: object) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(limits._limiter, "count", be_away)


@pytest.mark.usefixtures("_redis_away")
def test_nobody_is_limited_while_redis_is_away(limits: Limits) -> None:
    for _ in range(5):
        limits.take("post", 1)


@pytest.mark.usefixtures("_redis_away")
def test_nobody_registers_while_redis_is_away(limits: Limits) -> None:
    with pytest.raises(Unavailable) as refused:
        limits.take("register", "::1")
    assert refused.value.retry_after


def test_request_learns_what_is_left(limits: Limits) -> None:
    with counting() as counted:
        limits.take("post", 1)
    assert [(each.policy.rule.name, each.remaining) for each in counted] == [("post", 1)]


def test_write_is_one_question(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    send = AbstractConnection.send_command

    def count(connection: AbstractConnection, *command: str, **options: Any) -> None:
        asked.append(command[0])
        send(connection, *command, **options)  # type: ignore[no-untyped-call] # redis-py's

    limits.take("post", 1)  # The script is loaded.
    monkeypatch.setattr(AbstractConnection, "send_command", count)
    with counting():
        limits.take("post", 1)
    assert asked == ["EVALSHA"]


def test_writes_at_the_same_time_are_one_question(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = limits._limiter.count
    asked: list[list[str]] = []
    left: dict[str, list[int]] = {"ann": [], "bob": []}
    refused: list[str] = []
    may_go_on = threading.Event()

    def count_later(hits: Sequence[Hit]) -> list[Counted]:
        asked.append(sorted(hit.who for hit in hits))
        assert may_go_on.wait(60)
        return count(hits)

    def take(who: str) -> None:
        with counting() as counted:
            try:
                limits.take("post", who)
                left[who] += [each.remaining for each in counted]
            except TooMany:
                refused.append(who)

    monkeypatch.setattr(limits._limiter, "count", count_later)
    threads = [threading.Thread(target=take, args=[who]) for who in ("ann", "ann", "ann", "bob")]
    threads[0].start()
    assert wait_until(lambda: asked)
    for thread in threads[1:]:
        thread.start()
    assert wait_until(lambda: len(limits._hits._waiting) == 3)
    may_go_on.set()
    for thread in threads:
        thread.join(60)
    assert asked == [["ann"], ["ann", "ann", "bob"]]
    assert (sorted(left["ann"]), left["bob"], refused) == ([0, 1], [1], ["ann"])
