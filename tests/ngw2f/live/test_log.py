import pytest
from redis.exceptions import RedisError

from ngw2f.live.log import Flag
from ngw2f.live.payloads import Typing
from ngw2f.store import events
from tests.entries import entries_of
from tests.ngw2f.live.conftest import Stage

TYPING = Typing(1, 1, "ann")


def stream(stage: Stage) -> list[tuple[str, str]]:
    core = stage.services.core
    entries = entries_of(core.broker.redis, core.events.key)
    return [(entry_id.decode(), fields[b"event"].decode()) for entry_id, fields in entries]


def stored(stage: Stage) -> list[str]:
    with stage.services.core.database.reading() as connection:
        return [f"{each.id}-0" for each in events.list_events(connection, 0, 100).events]


def record(stage: Stage) -> events.Run:
    with stage.services.core.database.writing() as connection:
        return stage.services.core.events.record(connection, "typing", TYPING)


def test_published_under_its_id(stage: Stage) -> None:
    run = record(stage)
    stage.services.core.events.publish(run)
    assert [entry_id for entry_id, _ in stream(stage)] == [f"{run.events[0].id}-0"]


def test_fields_say_who_may_see_it(stage: Stage) -> None:
    stage.user("ann")
    stage.services.core.events.publish(record(stage))
    core = stage.services.core
    entries = entries_of(core.broker.redis, core.events.key)
    assert [fields[b"room"] for _, fields in entries] == [b"", b"1"]


def test_flag_is_set_for_a_while_by_the_first(stage: Stage) -> None:
    core = stage.services.core
    flag = Flag(core.broker.key("flag"), 90_000)
    assert core.events.publish(record(stage), flag=flag)
    assert not core.events.publish(record(stage), flag=flag)
    assert 0 < core.broker.redis.pttl(flag.key) <= flag.milliseconds


def test_publishing_twice_appends_once(stage: Stage) -> None:
    run = record(stage)
    stage.services.core.events.publish(run)
    stage.services.core.events.publish(run)
    assert len(stream(stage)) == 1


def test_later_one_brings_those_before_it(stage: Stage) -> None:
    record(stage)
    record(stage)
    stage.services.core.events.publish(record(stage))
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)
    assert len(stream(stage)) == 3


def test_overtaken_one_is_there_already(stage: Stage) -> None:
    first, second = record(stage), record(stage)
    stage.services.core.events.publish(second)
    stage.services.core.events.publish(first)
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_emptied_stream_is_filled_again(stage: Stage) -> None:
    stage.services.core.events.publish(record(stage))
    stage.services.core.broker.redis.flushall()
    stage.services.core.events.publish(record(stage))
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_lost_while_redis_is_away_and_found_again(stage: Stage) -> None:
    stage.redis_server.stop()
    stage.services.core.events.publish(record(stage))
    stage.redis_server.start()
    stage.services.core.events.catch_up(stage.services.core.broker.redis)
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_catching_up_without_redis_is_an_error(stage: Stage) -> None:
    stage.redis_server.stop()
    with pytest.raises(RedisError):
        stage.services.core.events.catch_up(stage.services.core.broker.redis)


def test_fleeting_events_count_behind_the_last(stage: Stage) -> None:
    stage.services.core.events.publish(record(stage))
    stage.services.core.events.publish_fleeting("typing", TYPING)
    stage.services.core.events.publish_fleeting("typing", TYPING)
    (last,) = stored(stage)
    milliseconds = last.partition("-")[0]
    assert [entry_id for entry_id, _ in stream(stage)] == [
        last, f"{milliseconds}-1", f"{milliseconds}-2",
    ]  # fmt: skip


def test_fleeting_event_takes_no_stored_ones_id(stage: Stage) -> None:
    record(stage)
    stage.services.core.events.publish_fleeting("typing", TYPING)
    stage.services.core.events.publish(record(stage))
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_stream_is_trimmed(stage: Stage) -> None:
    for _ in range(4):
        with stage.services.core.database.writing() as connection:
            run = stage.services.core.events.record(connection, "typing", *[TYPING] * 100)
        stage.services.core.events.publish(run)
    assert len(stream(stage)) < 300


def test_stream_is_bounded_in_bytes(stage: Stage) -> None:
    events_, redis = stage.services.core.events, stage.services.core.broker.redis
    events_._max_bytes = 200_000
    for _ in range(60):
        with stage.services.core.database.writing() as connection:
            run = events_.record(connection, "typing", Typing(1, 1, "x" * 10_000))
        events_.publish(run)
        # It is looked at whenever a sixteenth has been added.
        used = redis.memory_usage(events_.key, samples=0)
        assert used is not None
        assert used < 200_000 * 17 // 16 + 11_000
    assert [entry_id for entry_id, _ in stream(stage)][-10:] == stored(stage)[-10:]


def test_newest_entry_stays_however_large(stage: Stage) -> None:
    events_ = stage.services.core.events
    events_._max_bytes = 1_000
    with stage.services.core.database.writing() as connection:
        run = events_.record(connection, "typing", Typing(1, 1, "x" * 100_000))
    events_.publish(run)
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_full_redis_loses_the_older_half(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    redis = stage.services.core.broker.redis
    for _ in range(40):
        with stage.services.core.database.writing() as connection:
            run = stage.services.core.events.record(
                connection, "typing", Typing(1, 1, "x" * 10_000)
            )
        stage.services.core.events.publish(run)
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] - 100_000)
    newest = record(stage).events[0].id
    stage.services.core.events.publish(record(stage))
    assert len(stream(stage)) < 30
    assert stream(stage)[-2][0] == f"{newest}-0"
    assert "Redis has no memory left; dropping 20 events from the stream" in caplog.text


def test_full_redis_is_still_read(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    broker = stage.services.core.broker
    broker.redis.set("kept", 1)
    broker.redis.config_set("maxmemory", 1)
    for _ in range(3):
        assert broker.attempt(lambda redis: str(redis.set("new", 1)), "otherwise") == "otherwise"
        assert broker.attempt(lambda redis: redis.get("kept"), None) == b"1"
    assert caplog.text.count("no memory left") == 1
