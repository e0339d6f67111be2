import json

import pytest

from ngw2f.live import typing as module
from ngw2f.live.payloads import Typing
from tests.ngw2f.live.conftest import Stage
from tests.waiting import wait_until

ANN = Typing(1, 1, "ann")


@pytest.fixture(autouse=True)
def _stored_event(stage: Stage) -> None:
    """Have an event in the stream: fleeting ones come behind another."""
    stage.user("ann")


def told(stage: Stage) -> list[Typing]:
    entries = stage.services.core.broker.redis.xrange(stage.services.core.events.key)
    return [
        Typing(**json.loads(fields[b"data"]))
        for _, fields in entries
        if fields[b"event"] == b"typing"
    ]


def test_told_once_in_a_while(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than three of them take, however slow the machine is.
    monkeypatch.setattr(module, "THROTTLE_MILLISECONDS", 600_000)
    for _ in range(3):
        stage.services.typing.tell(ANN)
    assert told(stage) == [ANN]


def test_users_and_rooms_do_not_wait_for_each_other(stage: Stage) -> None:
    writers = [ANN, Typing(1, 2, "bob"), Typing(2, 1, "ann")]
    for typing in writers:
        stage.services.typing.tell(typing)
    assert told(stage) == writers


def test_throttle_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "THROTTLE_MILLISECONDS", 600_000)
    stage.services.typing.tell(ANN)
    redis = stage.services.core.broker.redis
    left = redis.pttl(stage.services.core.broker.key("typing:1:1"))
    assert 0 < int(left) <= 600_000


def test_told_again_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "THROTTLE_MILLISECONDS", 1)
    stage.services.typing.tell(ANN)

    def tell_again() -> bool:
        stage.services.typing.tell(ANN)
        return len(told(stage)) == 2

    wait_until(tell_again)


def test_nothing_is_told_while_redis_is_away(stage: Stage) -> None:
    stage.redis_server.stop()
    stage.services.typing.tell(ANN)
    stage.redis_server.start()
    assert told(stage) == []
