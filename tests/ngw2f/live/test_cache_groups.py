import pytest
from redis import Redis

from middleware.cache import GroupClock
from middleware.cache.groups import slots_of
from ngw2f.api_resources import Message
from ngw2f.broker.connection import Broker
from ngw2f.live.cache_groups import groups_of, open_group_clock, room_group
from ngw2f.live.log import EventLog
from ngw2f.settings import Settings
from ngw2f.store.database import Database

MESSAGE = Message.of(3, 7, 2, "*a*", "<p>a</p>", False, 1.0, 2.0)


@pytest.mark.parametrize(
    ("event", "data", "room_id", "groups"),
    [
        ("message.created", "{}", 7, ["room-7"]),
        ("room.updated", "{}", 7, ["room-7", "rooms"]),
        ("user.updated", '{"id": 5}', None, ["users", "reader-5"]),
        ("tokens.revoked", '{"user_id": 5}', None, ["reader-5"]),
        ("typing", "{}", None, []),
    ],
)
def test_groups_of(event: str, data: str, room_id: int | None, groups: list[str]) -> None:
    assert groups_of(event, data, room_id) == groups


def test_what_is_for_one_user_drops_nothing_of_others() -> None:
    assert groups_of("unread.updated", "{}", 7, 5) == ["unread-5"]


def test_caches_drop_what_is_old(settings: Settings, database: Database, redis: Redis) -> None:
    broker, clock = Broker(settings), GroupClock()
    started = clock.now()
    events = EventLog(broker, database, clock, 10, 1 << 20)
    with database.writing() as connection:
        run = events.record(connection, "message.created", MESSAGE)
    events.publish(run)
    assert clock.is_dropped(slots_of([room_group(7)]), started)
    assert not clock.is_dropped(slots_of([room_group(8)]), started)
    broker.close()


def test_processes_share_the_clock(settings: Settings) -> None:
    one, other = (open_group_clock(settings.data_path) for _ in range(2))
    started = one.now()
    one.drop(["rooms"])
    assert other.is_dropped(slots_of(["rooms"]), started)
    one.close()
    other.close()
