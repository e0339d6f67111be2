import json
import time
from typing import Any

import gevent
import pytest
from gevent.event import Event

from ngw2f.live import attendance as module
from ngw2f.live import presence
from ngw2f.live.presence import ONLINE_SECONDS
from ngw2f.store import users
from ngw2f.store.users import UserRow
from tests.entries import entries_of
from tests.ngw2f.live.conftest import Stage


def told(stage: Stage) -> list[tuple[str, bool]]:
    """Return who is said to have come or gone, after the newest event that is stored."""
    core = stage.services.core
    entries = entries_of(core.broker.redis, core.events.key)
    fleeting: list[Any] = [
        json.loads(fields[b"data"]) for entry_id, fields in entries if not entry_id.endswith(b"-0")
    ]
    return [(user["nickname"], user["online"]) for user in fleeting]


def long_ago(stage: Stage, user: UserRow) -> float:
    """Have the user been seen for the last time more than a minute ago; return when."""
    seen = time.time() - ONLINE_SECONDS - 10
    stage.services.core.broker.redis.zadd(
        stage.services.core.broker.key("presence"), {str(user.id): seen}
    )
    return seen


def test_coming_is_told_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than the two take, however slow the machine is.
    monkeypatch.setattr(presence, "TOUCH_SECONDS", 600)
    ann = stage.user("ann")
    assert stage.services.attendance.note(ann.id)
    assert not stage.services.attendance.note(ann.id)
    assert told(stage) == [("ann", True)]


def test_staying_is_not_told(stage: Stage) -> None:
    ann = stage.user("ann")
    stage.services.presence.enter([ann.id])
    stage.services.presence._touched.clear()
    assert stage.services.attendance.note(ann.id)
    assert told(stage) == []


def test_round_tells_who_is_connected(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    stage.services.attendance.update({ann.id, bob.id})
    stage.services.attendance.update({ann.id, bob.id})
    assert sorted(told(stage)) == [("ann", True), ("bob", True)]
    assert stage.services.presence.online_ids() == {ann.id, bob.id}


def test_going_is_told_once_and_stored(stage: Stage) -> None:
    ann = stage.user("ann")
    seen = long_ago(stage, ann)
    stage.services.attendance.update([])
    stage.services.attendance.update([])
    assert told(stage) == [("ann", False)]
    with stage.services.core.database.reading() as connection:
        row = users.find_user(connection, ann.id)
    assert row is not None
    assert row.last_seen_at == pytest.approx(seen, abs=0.01)


def test_user_who_is_no_more_is_not_told(stage: Stage) -> None:
    stage.user("ann")
    stage.services.attendance.update([99])
    assert told(stage) == []


def test_rounds_go_on_after_a_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ann = stage.user("ann")
    long_ago(stage, ann)
    with stage.services.core.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE users RENAME TO lost")
    rounds, third = [], Event()

    def connected() -> list[int]:
        rounds.append(1)
        if len(rounds) == 3:
            third.set()
        return []

    monkeypatch.setattr(module, "ROUND_SECONDS", 0.0)
    greenlet = gevent.spawn(stage.services.attendance.run, connected)
    assert third.wait(60)
    greenlet.kill()
    assert "presence changes not published" in caplog.text
