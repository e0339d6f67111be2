import json

import pytest

from ngw2f.live import typing as module
from ngw2f.live.payloads import Typing
from ngw2f.live.typing import TypingNotices
from tests.entries import entries_of
from tests.ngw2f.live.conftest import Stage
from tests.waiting import wait_until

ANN = Typing(1, 1, "ann")


@pytest.fixture(autouse=True)
def _stored_event(stage: Stage) -> None:
    """Have an event in the stream: a fleeting one needs one before it."""
    stage.user("ann")


def notices(stage: Stage) -> TypingNotices:
    return TypingNotices(stage.services.core.broker, stage.services.core.events)


def published(stage: Stage) -> list[Typing]:
    core = stage.services.core
    entries = entries_of(core.broker.redis, core.events.key)
    return [
        Typing(**json.loads(fields[b"data"]))
        for _, fields in entries
        if fields[b"event"] == b"typing"
    ]


def test_published_once_in_a_while(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than three of them take, however slow the machine is.
    monkeypatch.setattr(module, "THROTTLE_MILLISECONDS", 600_000)
    for _ in range(3):
        notices(stage).publish(ANN)
    assert published(stage) == [ANN]


def test_users_and_rooms_do_not_wait_for_each_other(stage: Stage) -> None:
    writers = [ANN, Typing(1, 2, "bob"), Typing(2, 1, "ann")]
    for typing in writers:
        notices(stage).publish(typing)
    assert published(stage) == writers


def test_throttle_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "THROTTLE_MILLISECONDS", 600_000)
    notices(stage).publish(ANN)
    redis = stage.services.core.broker.redis
    left = redis.pttl(stage.services.core.broker.key("typing:1:1"))
    assert 0 < int(left) <= 600_000


def test_published_again_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "THROTTLE_MILLISECONDS", 1)
    notices(stage).publish(ANN)

    def publish_again() -> bool:
        notices(stage).publish(ANN)
        return len(published(stage)) == 2

    wait_until(publish_again)


def test_nothing_is_published_while_redis_is_unreachable(stage: Stage) -> None:
    stage.redis_server.stop()
    notices(stage).publish(ANN)
    stage.redis_server.start()
    assert published(stage) == []
