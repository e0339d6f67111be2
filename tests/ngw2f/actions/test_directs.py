"""Direct messages: one room for the same people, for good."""

from collections.abc import Callable

import msgspec
import pytest

from ngw2f.actions.directs import MAX_PEOPLE, Directs
from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import RoomChanges, Rooms
from ngw2f.api_resources import Room
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Forbidden, Invalid, NotFound
from ngw2f.settings import Settings
from ngw2f.store.rooms import list_near_rooms, list_rooms, member_ids, name_of
from ngw2f.store.users import UserRow
from tests.ngw2f.actions.conftest import create_user

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Replace settings by those that a test is parametrized with."""
    return msgspec.structs.replace(settings, **getattr(request, "param", {}))


@pytest.fixture
def directs(core: Core, limits: Limits) -> Directs:
    return Directs(core, limits)


@pytest.fixture
def cleo(core: Core, bob: UserRow) -> UserRow:
    return create_user(core, "Cleo")


@both
def test_same_people_have_the_same_room(
    core: Core,
    directs: Directs,
    ann: UserRow,
    bob: UserRow,
    cleo: UserRow,
    event_names: Callable[[], list[str]],
) -> None:
    first = directs.open(ann, [bob.id])
    assert (first.is_new, first.room.name, first.room.private) == (True, "Bob", True)
    again = directs.open(bob, [ann.id, bob.id])
    assert (again.is_new, again.room.id, again.room.name) == (False, first.room.id, "Ann")
    three = directs.open_named(ann, "cleo, bob,, BOB").room
    assert (three.name, three.links.page) == ("Bob, Cleo", f"/direct/{three.id}")
    assert three.id != first.room.id
    assert event_names() == ["room.created", "room.created"]
    with core.database.reading() as connection:
        assert member_ids(connection, three.id) == {ann.id, bob.id, cleo.id}
        assert [each.direct for each in list_rooms(connection, cleo)] == [False, True]
        lobby, *_ = list_rooms(connection, bob)
        near = list_near_rooms(connection, lobby, bob, 50)
        assert {each.id for each in near} == {lobby.id, three.id, first.room.id}
        assert name_of(connection, three.id) == "Ann, Bob, Cleo"


@both
def test_nobody_comes_or_goes(
    core: Core, directs: Directs, rooms: Rooms, ann: UserRow, bob: UserRow, cleo: UserRow
) -> None:
    room = directs.open(ann, [bob.id]).room
    changes: list[Callable[[], Room]] = [
        lambda: rooms.admit(ann, room.id, cleo.id),
        lambda: rooms.remove_member(ann, room.id, bob.id),
        lambda: rooms.remove_member(bob, room.id, bob.id),
        lambda: rooms.change(ann, room.id, RoomChanges(archived=True)),
        lambda: rooms.change(ann, room.id, RoomChanges(name="ours")),
    ]
    for change in changes:
        with pytest.raises(Forbidden, match="people of direct messages"):
            change()
    with pytest.raises(NotFound):
        rooms.admit(cleo, room.id, cleo.id)
    with core.database.reading() as connection:
        assert member_ids(connection, room.id) == {ann.id, bob.id}


def test_others_see_nothing(
    directs: Directs, messages: Messages, ann: UserRow, bob: UserRow, cleo: UserRow
) -> None:
    room = directs.open(ann, [bob.id]).room
    messages.post(bob, room.id, "hello")
    with pytest.raises(NotFound):
        messages.post(cleo, room.id, "hello")


@pytest.mark.parametrize("user_ids", [[], [1], [404], [2**31 - 1], range(1, 40)])
def test_people_who_cannot_be(directs: Directs, ann: UserRow, user_ids: list[int]) -> None:
    with pytest.raises((Invalid, NotFound, Conflict)):
        directs.open(ann, user_ids)


def test_names_of_nobody(directs: Directs, ann: UserRow, bob: UserRow) -> None:
    with pytest.raises(NotFound, match="there is no user 'cleo'"):
        directs.open_named(ann, "bob, cleo")
    with pytest.raises(Conflict):
        directs.open_named(ann, " , ")
    with pytest.raises(Invalid, match="at most"):
        directs.open_named(ann, ",".join(map(str, range(MAX_PEOPLE + 1))))


@pytest.mark.parametrize(
    "settings", [{"memberships_per_account": 1, "rooms_per_account": 1}], indirect=True, ids=str
)
def test_direct_messages_are_bounded_by_themselves(
    directs: Directs, rooms: Rooms, ann: UserRow, bob: UserRow, cleo: UserRow
) -> None:
    directs.open(ann, [bob.id])
    den = rooms.create(cleo, "den", private=True)
    rooms.create(ann, "own", private=True)
    rooms.admit(cleo, den.id, bob.id)
    with pytest.raises(Conflict, match="as many direct messages as an account may: 1"):
        directs.open(ann, [cleo.id])
    directs.open(cleo, [ann.id])


def test_two_who_open_it_at_once(
    directs: Directs, ann: UserRow, bob: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second finds the room of the first, although it was not there before."""
    room = directs.open(ann, [bob.id]).room
    assert directs._create(bob, {ann.id, bob.id}) == (room.named_for(bob.id), False)
