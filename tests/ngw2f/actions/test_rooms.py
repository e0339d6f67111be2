"""Create rooms, let others in and out, and type in them, without HTTP."""

from collections.abc import Callable

import msgspec
import pytest
from redis import Redis

from ngw2f.actions.rooms import TAKEN, Rooms
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Forbidden, Invalid, KeyReused, NotFound, TooMany
from ngw2f.live.typing import TypingNotices
from ngw2f.settings import Settings
from ngw2f.store.rooms import LOBBY_ID, list_rooms, member_ids
from ngw2f.store.users import UserRow
from tests.entries import entries_of

# "coco" in Cyrillic letters.
LOOKS_SAME = "\u0441\u043e\u0441\u043e"

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Replace settings by those that a test is parametrized with."""
    return msgspec.structs.replace(settings, **getattr(request, "param", {}))


def names(core: Core, reader: UserRow) -> list[str]:
    with core.database.reading() as connection:
        return [room.name for room in list_rooms(connection, reader)]


def members(core: Core, room_id: int) -> set[int]:
    with core.database.reading() as connection:
        return member_ids(connection, room_id)


@both
def test_new_room_has_its_creator_as_member(
    core: Core, rooms: Rooms, ann: UserRow, event_names: Callable[[], list[str]]
) -> None:
    den = rooms.create(ann, "den", private=True)
    assert names(core, ann) == ["lobby", "den"]
    assert members(core, den.id) == {ann.id}
    assert event_names() == ["room.created"]


@both
def test_key_sent_again_creates_once(core: Core, rooms: Rooms, ann: UserRow) -> None:
    den = rooms.create(ann, "den", private=True, key="k1")
    assert rooms.create(ann, "den", private=True, key="k1") == den
    with pytest.raises(KeyReused):
        rooms.create(ann, "den", private=False, key="k1")
    assert names(core, ann) == ["lobby", "den"]


@both
def test_public_name_is_taken_once(core: Core, rooms: Rooms, ann: UserRow, bob: UserRow) -> None:
    rooms.create(ann, "Coco", private=False)
    for name in ("coco", LOOKS_SAME):
        with pytest.raises(Invalid) as refused:
            rooms.create(bob, name, private=False)
        assert refused.value.detail == TAKEN
    rooms.create(bob, "coco", private=True)
    assert names(core, bob) == ["lobby", "Coco", "coco"]


def test_name_that_cannot_be(core: Core, rooms: Rooms, ann: UserRow) -> None:
    with pytest.raises(Invalid):
        rooms.create(ann, "a/b", private=False)
    assert names(core, ann) == ["lobby"]


@pytest.mark.parametrize("settings", [{"rooms_per_account": 1}], indirect=True)
def test_rooms_of_an_account_are_bounded(rooms: Rooms, ann: UserRow) -> None:
    first = rooms.create(ann, "one", private=True, key="k1")
    with pytest.raises(Forbidden):
        rooms.create(ann, "two", private=True, key="k2")
    assert rooms.create(ann, "one", private=True, key="k1") == first


@both
def test_member_admits_another(
    core: Core, rooms: Rooms, ann: UserRow, bob: UserRow, event_names: Callable[[], list[str]]
) -> None:
    den = rooms.create(ann, "den", private=True)
    assert rooms.admit(ann, den.id, bob.id) == den
    assert members(core, den.id) == {ann.id, bob.id}
    assert names(core, bob) == ["lobby", "den"]
    rooms.remove_member(bob, den.id, bob.id)
    assert names(core, bob) == ["lobby"]
    assert event_names() == ["room.created", "room.updated", "room.updated"]


def test_only_members_change_members(core: Core, rooms: Rooms, ann: UserRow, bob: UserRow) -> None:
    den = rooms.create(ann, "den", private=True)
    tea = rooms.create(ann, "tea", private=False)
    for change in (rooms.admit, rooms.remove_member):
        with pytest.raises(NotFound, match="room"):
            change(bob, den.id, bob.id)
        with pytest.raises(Forbidden):
            change(bob, tea.id, bob.id)
        with pytest.raises(NotFound, match="user"):
            change(ann, den.id, 404)
    assert members(core, den.id) == members(core, tea.id) == {ann.id}


@pytest.mark.parametrize(
    "settings", [{"memberships_per_account": 0}, {"members_per_room": 1}], indirect=True, ids=str
)
def test_memberships_are_bounded(core: Core, rooms: Rooms, ann: UserRow, bob: UserRow) -> None:
    den = rooms.create(ann, "den", private=True)
    with pytest.raises(Conflict):
        rooms.admit(ann, den.id, bob.id)
    assert members(core, den.id) == {ann.id}


def test_typing_is_published(
    core: Core, rooms: Rooms, ann: UserRow, bob: UserRow, redis: Redis
) -> None:
    den = rooms.create(ann, "den", private=True)
    rooms.type_in(ann, den.id)
    with pytest.raises(NotFound):
        rooms.type_in(bob, den.id)
    _created, (_id, typing) = entries_of(redis, core.events.key)
    data = msgspec.json.decode(typing[b"data"])
    assert typing[b"event"] == b"typing"
    assert data == {"room_id": den.id, "user_id": ann.id, "nickname": "Ann"}


def test_each_write_has_its_limit(core: Core, one_each: Limits, ann: UserRow, bob: UserRow) -> None:
    rooms = Rooms(core, one_each, TypingNotices(core.broker, core.events))
    den = rooms.create(ann, "den", private=True, key="k1")
    with pytest.raises(TooMany, match="new rooms"):
        rooms.create(ann, "attic", private=True)
    # A repetition creates nothing.
    assert rooms.create(ann, "den", private=True, key="k1") == den
    rooms.admit(ann, den.id, bob.id)
    for change in (rooms.admit, rooms.remove_member):
        with pytest.raises(TooMany, match="changes of members"):
            change(ann, den.id, bob.id)
    rooms.type_in(ann, LOBBY_ID)
    with pytest.raises(TooMany, match="notices"):
        rooms.type_in(ann, LOBBY_ID)
