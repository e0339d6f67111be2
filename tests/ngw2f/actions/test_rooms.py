"""Create rooms, let others in and out, and type in them, without HTTP."""

from collections.abc import Callable

import msgspec
import pytest
from redis import Redis

from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import TAKEN, RoomChanges, Rooms
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Forbidden, Invalid, KeyReused, NotFound, TooMany
from ngw2f.live.typing import TypingNotices
from ngw2f.settings import Settings
from ngw2f.store.rooms import LOBBY_ID, list_rooms, member_ids
from ngw2f.store.users import UserRow
from tests.entries import entries_of
from tests.ngw2f.actions.conftest import create_user

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


@both
def test_owner_changes_a_room(
    core: Core, rooms: Rooms, ann: UserRow, bob: UserRow, event_names: Callable[[], list[str]]
) -> None:
    tea = rooms.create(ann, "tea", private=False)
    with pytest.raises(Forbidden, match="owner"):
        rooms.change(bob, tea.id, RoomChanges(topic="mine"))
    changed = rooms.change(ann, tea.id, RoomChanges(name="Coco", topic=" hot \n drinks "))
    assert (changed.name, changed.topic, changed.archived) == ("Coco", "hot drinks", False)
    # The name that was given up is free, and what looks like the new one is not.
    rooms.create(bob, "tea", private=False)
    for name in ("lobby", "tea"):
        with pytest.raises(Invalid) as refused:
            rooms.change(ann, tea.id, RoomChanges(name=name))
        assert refused.value.detail == TAKEN
    with pytest.raises(Invalid):
        rooms.create(bob, LOOKS_SAME, private=False)
    assert event_names() == ["room.created", "room.updated", "room.created"]


@pytest.mark.parametrize(
    "changes", [RoomChanges(name="a/b"), RoomChanges(topic="x" * 251), RoomChanges(topic="a\0")]
)
def test_change_that_cannot_be(rooms: Rooms, ann: UserRow, changes: RoomChanges) -> None:
    den = rooms.create(ann, "den", private=True)
    with pytest.raises(Invalid):
        rooms.change(ann, den.id, changes)


@both
def test_archived_room_can_only_be_read(
    core: Core, rooms: Rooms, messages: Messages, ann: UserRow, bob: UserRow
) -> None:
    den = rooms.create(ann, "den", private=True)
    message = messages.post(ann, den.id, "hello").message
    rooms.admit(ann, den.id, bob.id)
    assert rooms.change(ann, den.id, RoomChanges(archived=True)).archived
    assert names(core, ann) == ["lobby"]
    with core.database.reading() as connection:
        assert [each.name for each in list_rooms(connection, ann, archived=True)] == ["den"]
    for write in (
        lambda: messages.post(ann, den.id, "more"),
        lambda: messages.edit(ann, message.id, "more"),
        lambda: messages.remove(ann, message.id),
        lambda: rooms.type_in(ann, den.id),
        lambda: rooms.admit(ann, den.id, bob.id),
        lambda: rooms.change(ann, den.id, RoomChanges(topic="more")),
    ):
        with pytest.raises(Conflict, match="archived"):
            write()
    # What was posted before is not posted again, and one may always leave.
    rooms.remove_member(bob, den.id, bob.id)
    rooms.change(ann, den.id, RoomChanges(archived=False, topic="back"))
    messages.post(ann, den.id, "more")
    assert names(core, ann) == ["lobby", "den"]


def test_post_that_was_stored_is_answered_in_an_archived_room(
    rooms: Rooms, messages: Messages, ann: UserRow
) -> None:
    den = rooms.create(ann, "den", private=True)
    message = messages.post(ann, den.id, "hello", key="k1").message
    rooms.change(ann, den.id, RoomChanges(archived=True))
    assert messages.post(ann, den.id, "hello", key="k1").message.id == message.id


def test_lobby_stays(rooms: Rooms, ann: UserRow, bob: UserRow) -> None:
    """Nobody owns it; an administrator, as the first account is, may give it a topic."""
    with pytest.raises(Forbidden):
        rooms.change(bob, LOBBY_ID, RoomChanges(topic="mine"))
    for changes in (RoomChanges(archived=True), RoomChanges(name="hall")):
        with pytest.raises(Conflict, match="lobby"):
            rooms.change(ann, LOBBY_ID, changes)
    assert rooms.change(ann, LOBBY_ID, RoomChanges(name="lobby", topic="hello")).topic == "hello"


@both
def test_room_belongs_to_its_oldest_member(
    core: Core, rooms: Rooms, ann: UserRow, bob: UserRow
) -> None:
    cleo = create_user(core, "Cleo")
    den = rooms.create(ann, "den", private=True)
    for each in (cleo, bob):
        rooms.admit(ann, den.id, each.id)
    with pytest.raises(Forbidden, match="owner"):
        rooms.remove_member(cleo, den.id, bob.id)
    rooms.remove_member(ann, den.id, ann.id)
    rooms.remove_member(cleo, den.id, bob.id)
    assert members(core, den.id) == {cleo.id}


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
