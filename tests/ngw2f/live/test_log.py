import pytest
from redis.exceptions import RedisError

from ngw2f.live.log import RevokedTokens, Typing, decode_revocation
from ngw2f.store import events
from tests.ngw2f.live.conftest import Stage

TYPING = Typing(1, 1, "ann")


def stream(stage: Stage) -> list[tuple[str, str]]:
    entries = stage.services.broker.redis.xrange(stage.services.events.key)
    return [(entry_id.decode(), fields[b"event"].decode()) for entry_id, fields in entries]


def stored(stage: Stage) -> list[str]:
    with stage.services.database.reading() as connection:
        return [f"{each.id}-0" for each in events.list_events(connection, 0, 100).events]


def record(stage: Stage) -> events.Run:
    with stage.services.database.writing() as connection:
        return stage.services.events.record(connection, "typing", TYPING)


def test_published_under_its_id(stage: Stage) -> None:
    run = record(stage)
    stage.services.events.publish(run)
    assert [entry_id for entry_id, _ in stream(stage)] == [f"{run.events[0].id}-0"]


def test_fields_say_who_may_see_it(stage: Stage) -> None:
    stage.user("ann")
    stage.services.events.publish(record(stage))
    entries = stage.services.broker.redis.xrange(stage.services.events.key)
    assert [fields[b"room"] for _, fields in entries] == [b"", b"1"]


def test_publishing_twice_appends_once(stage: Stage) -> None:
    run = record(stage)
    stage.services.events.publish(run)
    stage.services.events.publish(run)
    assert len(stream(stage)) == 1


def test_later_one_brings_those_before_it(stage: Stage) -> None:
    record(stage)
    record(stage)
    stage.services.events.publish(record(stage))
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)
    assert len(stream(stage)) == 3


def test_overtaken_one_is_there_already(stage: Stage) -> None:
    first, second = record(stage), record(stage)
    stage.services.events.publish(second)
    stage.services.events.publish(first)
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_emptied_stream_is_filled_again(stage: Stage) -> None:
    stage.services.events.publish(record(stage))
    stage.services.broker.redis.flushall()
    stage.services.events.publish(record(stage))
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_lost_while_redis_is_away_and_found_again(stage: Stage) -> None:
    stage.redis_server.stop()
    stage.services.events.publish(record(stage))
    stage.redis_server.start()
    stage.services.events.catch_up(stage.services.broker.redis)
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_catching_up_without_redis_is_an_error(stage: Stage) -> None:
    stage.redis_server.stop()
    with pytest.raises(RedisError):
        stage.services.events.catch_up(stage.services.broker.redis)


def test_fleeting_events_count_behind_the_last(stage: Stage) -> None:
    stage.services.events.publish(record(stage))
    stage.services.events.tell("typing", TYPING)
    stage.services.events.tell("typing", TYPING)
    (last,) = stored(stage)
    milliseconds = last.partition("-")[0]
    assert [entry_id for entry_id, _ in stream(stage)] == [
        last, f"{milliseconds}-1", f"{milliseconds}-2",
    ]  # fmt: skip


def test_fleeting_event_takes_no_stored_ones_id(stage: Stage) -> None:
    record(stage)
    stage.services.events.tell("typing", TYPING)
    stage.services.events.publish(record(stage))
    assert [entry_id for entry_id, _ in stream(stage)] == stored(stage)


def test_stream_is_trimmed(stage: Stage) -> None:
    for _ in range(4):
        with stage.services.database.writing() as connection:
            run = stage.services.events.record(connection, "typing", *[TYPING] * 100)
        stage.services.events.publish(run)
    assert len(stream(stage)) < 300


def test_revocation_names_the_user() -> None:
    assert decode_revocation(b'{"user_id": 4}') == RevokedTokens(4)
