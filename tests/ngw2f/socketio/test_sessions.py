"""Sessions in Redis: each step, and what happens where two workers take steps at once."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ngw2f.socketio import sessions as module
from ngw2f.socketio.commands import Commands, UnreachableError
from ngw2f.socketio.packets import NOOP
from ngw2f.socketio.sessions import Sessions, Times, TooManySessionsError, new_sid

Build = Callable[..., Sessions]
LONG = Times(600_000, 600_000)


@pytest.fixture
def build(redis: Redis) -> Build:
    def build_one(times: Times = LONG, worker: str = "one") -> Sessions:
        return Sessions(Commands(lambda commands: commands(redis)), "test:", times, worker)

    return build_one


@pytest.fixture
def sessions(build: Build) -> Sessions:
    return build()


def finish(sessions: Sessions, sid: str, token: str, **options: Any) -> module.Finished:
    given = {"before": "", "after": "", "has_events": False, "must_end": False, **options}
    return sessions.finish(sid, token, **given)


def post(sessions: Sessions, sid: str, packets: str = "", **options: Any) -> None:
    assert sessions.begin_post(sid, "post", "").status == "held"
    given = {"state": None, "has_pong": False, "is_connected": False, **options}
    sessions.end_post(sid, "post", "", packets, **given)


def test_poll_takes_what_waits(sessions: Sessions) -> None:
    sid = sessions.create()
    assert sessions.claim(sid, "a", is_patient=True).status == "held"
    assert finish(sessions, sid, "a").status == "wait"
    post(sessions, sid, "4x")
    post(sessions, sid, "4y\x1e4z")
    assert finish(sessions, sid, "a")[:2] == ("ended", "4x\x1e4y\x1e4z")
    assert sessions.claim(sid, "b", is_patient=True).status == "held"
    assert finish(sessions, sid, "b").status == "wait"


def test_unknown_session_is_gone(sessions: Sessions) -> None:
    sid = new_sid()
    assert sessions.claim(sid, "a", is_patient=True).status == "gone"
    assert finish(sessions, sid, "a").status == "gone"
    assert sessions.begin_post(sid, "a", "").status == "gone"
    assert sessions.begin_upgrade(sid, "a") == "gone"
    assert not sessions.probe(sid, "a")
    assert sessions.upgrade(sid, "a") is None


def test_second_poll_overlaps(sessions: Sessions) -> None:
    sid = sessions.create()
    sessions.claim(sid, "a", is_patient=True)
    assert sessions.claim(sid, "b", is_patient=True).status == "overlap"


def test_second_post_overlaps(sessions: Sessions) -> None:
    sid = sessions.create()
    assert sessions.begin_post(sid, "a", "").status == "held"
    assert sessions.begin_post(sid, "b", "").status == "overlap"


def test_repeated_post_counts_once(sessions: Sessions) -> None:
    sid = sessions.create()
    assert sessions.begin_post(sid, "a", "digest").status == "held"
    assert sessions.begin_post(sid, "b", "digest").status == "busy"
    sessions.end_post(sid, "a", "digest", "4x", None, has_pong=False, is_connected=False)
    assert sessions.begin_post(sid, "b", "digest").status == "repeated"
    assert sessions.begin_post(sid, "b", "other").status == "held"


def test_lock_of_a_killed_worker_expires(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = sessions.create()
    sessions.begin_post(sid, "killed", "")
    monkeypatch.setattr(module, "LOCK_MILLISECONDS", 0)
    assert sessions.begin_post(sid, "b", "").status == "held"
    # Whoever was only slow changes nothing any more.
    sessions.end_post(sid, "killed", "", "4late", None, has_pong=False, is_connected=False)
    sessions.claim(sid, "a", is_patient=True)
    assert finish(sessions, sid, "a").status == "wait"


def test_client_that_does_not_read_is_behind(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = sessions.create()
    monkeypatch.setattr(module, "MAX_UNREAD_BYTES", 10)
    post(sessions, sid, "4" * 11)
    assert sessions.begin_post(sid, "a", "").status == "behind"


def test_memo_and_cursor_go_with_the_session(sessions: Sessions, build: Build) -> None:
    sid = sessions.create()
    post(sessions, sid, "40", state=({"in:/": "é"}, "7-1"), is_connected=True)
    held = build(worker="two").claim(sid, "a", is_patient=True)
    assert (held.memo, held.cursor) == ({"in:/": "é"}, "7-1")


def test_events_move_the_cursor(sessions: Sessions) -> None:
    sid = sessions.create()
    post(sessions, sid, state=({}, "7-0"))
    sessions.claim(sid, "a", is_patient=True)
    ended = finish(sessions, sid, "a", before="7-0", after="9-0", has_events=True)
    assert (ended.status, ended.has_events) == ("ended", True)
    assert sessions.claim(sid, "b", is_patient=True).cursor == "9-0"


def test_events_after_another_cursor_do_not_count(sessions: Sessions) -> None:
    """The client has connected anew while its poll waited."""
    sid = sessions.create()
    post(sessions, sid, state=({}, "7-0"))
    sessions.claim(sid, "a", is_patient=True)
    post(sessions, sid, state=({}, "8-0"))
    ended = finish(sessions, sid, "a", before="7-0", after="9-0", has_events=True)
    assert (ended.status, ended.cursor) == ("wait", "8-0")


def test_post_that_leaves_the_cursor_does_not_move_it_back(sessions: Sessions) -> None:
    """A poll has moved it while the POST was handled."""
    sid = sessions.create()
    post(sessions, sid, state=({}, "7-0"))
    sessions.claim(sid, "a", is_patient=True)
    sessions.begin_post(sid, "post", "")
    finish(sessions, sid, "a", before="7-0", after="9-0", has_events=True)
    state = {"part": "x"}, "7-0"
    sessions.end_post(
        sid, "post", "", "", state, cursor_before="7-0", has_pong=False, is_connected=True
    )
    held = sessions.claim(sid, "b", is_patient=True)
    assert (held.memo, held.cursor) == ({"part": "x"}, "9-0")


def test_ping_is_claimed_once(build: Build) -> None:
    sessions = build(Times(0, 600_000))
    sid = sessions.create()
    sessions.claim(sid, "a", is_patient=True)
    assert finish(sessions, sid, "a")[:2] == ("ended", "2")
    sessions.claim(sid, "b", is_patient=True)
    assert finish(sessions, sid, "b").status == "wait"
    post(sessions, sid, has_pong=True)
    assert finish(sessions, sid, "b")[:2] == ("ended", "2")


def test_ping_comes_with_other_packets(build: Build) -> None:
    sessions = build(Times(0, 600_000))
    sid = sessions.create()
    post(sessions, sid, "4x")
    sessions.claim(sid, "a", is_patient=True)
    assert finish(sessions, sid, "a").packets == "4x\x1e2"


def test_silent_client_is_forgotten(build: Build) -> None:
    sessions = build(Times(1, 0))
    sid = sessions.create()
    while sessions.claim(sid, "a", is_patient=True).status != "gone":
        gevent.sleep(0.01)


def owe_a_pong(redis: Redis, sid: str) -> None:
    """Take the session to where a minute is left to answer a ping."""
    redis.pexpire(f"test:engineio:{sid}", 60_000)
    redis.hdel(f"test:engineio:{sid}", "ping")


def test_pong_renews_the_session(redis: Redis, build: Build) -> None:
    sessions = build(Times(1_000, 600_000))
    sid = sessions.create()
    owe_a_pong(redis, sid)
    post(sessions, sid, has_pong=True)
    assert redis.pttl(f"test:engineio:{sid}") > 60_000


def test_pong_without_a_ping_does_not_renew_it(redis: Redis, build: Build) -> None:
    """A client that never reads would be kept, with all its answers."""
    sessions = build(Times(1_000, 600_000))
    sid = sessions.create()
    redis.pexpire(f"test:engineio:{sid}", 60_000)
    post(sessions, sid, has_pong=True)
    assert redis.pttl(f"test:engineio:{sid}") <= 60_000


@pytest.mark.parametrize(
    ("seconds", "is_connected", "is_renewed"),
    [(None, False, True), (60, False, True), (0, False, False), (0, True, True)],
)
def test_client_that_does_not_connect_is_not_renewed(
    redis: Redis, seconds: float | None, is_connected: bool, is_renewed: bool
) -> None:
    commands = Commands(lambda commands: commands(redis))
    sessions = Sessions(commands, "test:", Times(0, 600_000), "one", seconds)
    sid = sessions.create()
    owe_a_pong(redis, sid)
    post(sessions, sid, has_pong=True, state=({}, ""), is_connected=is_connected)
    assert (redis.pttl(f"test:engineio:{sid}") > 60_000) == is_renewed


@pytest.mark.parametrize("is_held", [True, False], ids=["held", "overtaken"])
def test_last_poll_of_a_session_that_is_left(sessions: Sessions, is_held: bool) -> None:
    sid = sessions.create()
    if is_held:
        sessions.claim(sid, "a", is_patient=True)
    sessions.leave(sid)
    last = finish(sessions, sid, "a") if is_held else sessions.claim(sid, "a", is_patient=True)
    assert (last.status, last.packets) == ("closed", NOOP)
    assert sessions.claim(sid, "b", is_patient=True).status == "gone"


def test_poll_of_a_closed_session_says_so(sessions: Sessions) -> None:
    sid = sessions.create()
    sessions.claim(sid, "a", is_patient=True)
    sessions.close(sid)
    assert sessions.begin_post(sid, "b", "").status == "gone"
    assert finish(sessions, sid, "a")[:2] == ("closed", "1")


def test_closed_session_without_a_poll_is_gone(sessions: Sessions) -> None:
    sid = sessions.create()
    sessions.close(sid)
    assert sessions.claim(sid, "a", is_patient=True).status == "gone"


def test_upgrade_takes_all_along(sessions: Sessions) -> None:
    sid = sessions.create()
    post(sessions, sid, "4x", state=({"a": "b"}, "7-0"))
    assert sessions.begin_upgrade(sid, "ws") == "held"
    assert sessions.probe(sid, "ws")
    left = sessions.upgrade(sid, "ws")
    assert left is not None
    assert (left.memo, left.cursor, left.packets, left.may_ping) == ({"a": "b"}, "7-0", "4x", True)
    assert 0 < left.due_seconds <= LONG.ping_interval / 1000
    assert sessions.claim(sid, "a", is_patient=True).status == "gone"
    assert sessions.begin_upgrade(sid, "other") == "busy"


def test_session_has_one_upgrade(sessions: Sessions) -> None:
    sid = sessions.create()
    sessions.begin_upgrade(sid, "ws")
    assert sessions.begin_upgrade(sid, "other") == "later"
    assert not sessions.probe(sid, "other")
    assert sessions.upgrade(sid, "other") is None


def test_poll_ends_once_the_upgrade_is_probed(sessions: Sessions) -> None:
    sid = sessions.create()
    sessions.claim(sid, "a", is_patient=True)
    sessions.begin_upgrade(sid, "ws")
    assert finish(sessions, sid, "a").status == "wait"
    sessions.probe(sid, "ws")
    assert finish(sessions, sid, "a")[:2] == ("ended", "")
    assert sessions.claim(sid, "b", is_patient=True).status == "later"
    assert sessions.claim(sid, "b", is_patient=False).status == "held"
    sessions.upgrade(sid, "ws")
    assert finish(sessions, sid, "b").status == "upgraded"


@pytest.mark.parametrize("succeeds", [True, False])
def test_packets_are_left_to_the_websocket(build: Build, succeeds: bool) -> None:
    sessions = build(Times(0, 600_000))
    sid = sessions.create()
    post(sessions, sid, "4x", state=({}, "7-0"))
    sessions.begin_upgrade(sid, "ws")
    sessions.probe(sid, "ws")
    sessions.claim(sid, "a", is_patient=False)
    ended = finish(sessions, sid, "a", before="7-0", after="9-0", has_events=True)
    assert ended[:3] == ("ended", "", False)
    if succeeds:
        left = sessions.upgrade(sid, "ws")
        assert left is not None
        assert (left.packets, left.cursor, left.due_seconds <= 0) == ("4x", "7-0", True)
    else:
        sessions.stay(sid, "ws")
        held = sessions.claim(sid, "b", is_patient=True)
        assert held.cursor == "7-0"
        assert finish(sessions, sid, "b")[:2] == ("ended", "4x\x1e2")


def test_polling_goes_on_after_a_failed_upgrade(sessions: Sessions) -> None:
    sid = sessions.create()
    sessions.begin_upgrade(sid, "ws")
    sessions.probe(sid, "ws")
    sessions.stay(sid, "ws")
    assert sessions.claim(sid, "a", is_patient=True).status == "held"
    assert finish(sessions, sid, "a").status == "wait"


def test_upgrade_of_a_killed_worker_expires(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = sessions.create()
    monkeypatch.setattr(module, "UPGRADE_MILLISECONDS", -1)
    sessions.begin_upgrade(sid, "killed")
    assert sessions.claim(sid, "a", is_patient=True).status == "held"
    assert sessions.begin_upgrade(sid, "other") == "held"


def test_worker_that_holds_the_poll_is_woken(redis: Redis, build: Build) -> None:
    one, two = build(worker="one"), build(worker="two")
    sid = one.create()
    one.claim(sid, "a", is_patient=True)
    untyped: Any = redis
    with untyped.pubsub() as subscription:
        subscription.subscribe(one.channel)
        steps: list[Callable[[], object]] = [
            lambda: post(two, sid, "4x"),
            lambda: post(two, sid, state=({}, "7-0")),
            lambda: post(two, sid, has_pong=True),
            lambda: (two.begin_upgrade(sid, "ws"), two.probe(sid, "ws")),
            lambda: two.upgrade(sid, "ws"),
        ]
        assert subscription.get_message(timeout=60)["type"] == "subscribe"
        for step in steps:
            step()
            message: Any = subscription.get_message(timeout=60)
            assert message["data"] == b"a"


def test_oldest_that_nobody_has_connected_to_ends(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNCONNECTED", 2)
    connected = sessions.create()
    post(sessions, connected, state=({}, ""), is_connected=True)
    gevent.sleep(0.002)
    first = sessions.create()
    gevent.sleep(0.002)
    others = [sessions.create(), sessions.create()]
    assert sessions.claim(first, "a", is_patient=True).status == "gone"
    for sid in (connected, *others):
        assert sessions.claim(sid, "a", is_patient=True).status == "held"


def test_there_are_only_so_many(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 1)
    sid = sessions.create()
    with pytest.raises(TooManySessionsError):
        sessions.create()
    sessions.leave(sid)
    sessions.create()


def test_script_is_loaded_where_redis_has_lost_it(redis: Redis, sessions: Sessions) -> None:
    sessions.create()
    redis.script_flush()
    sid = sessions.create()
    assert sessions.claim(sid, "a", is_patient=True).status == "held"


def test_many_at_once_share_connections(redis: Redis, sessions: Sessions) -> None:
    before = redis.info("stats")["total_connections_received"]
    made = [gevent.spawn(sessions.create) for _ in range(200)]
    gevent.joinall(made)
    assert len({each.value for each in made}) == 200
    assert redis.info("stats")["total_connections_received"] - before < 20


def test_unreachable_redis_is_an_error_for_each() -> None:
    sessions = Sessions(Commands(lambda _commands: None), "test:", LONG, "one")
    for _ in range(2):
        with pytest.raises(UnreachableError):
            sessions.create()


def test_failure_is_an_error_for_who_waits(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_commands: object) -> None:
        raise RedisConnectionError

    with pytest.raises(UnreachableError):
        Sessions(Commands(fail), "test:", LONG, "one").create()
    assert "a script in Redis failed" in caplog.text
