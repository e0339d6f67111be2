import threading

import pytest

from ngw2f.api_resources import Room
from ngw2f.store import rooms
from ngw2f.store.database import Database
from ngw2f.store.rooms import LOBBY, RoomExistsError
from ngw2f.store.users import UserRow


@pytest.fixture
def den(database: Database, ann: UserRow) -> Room:
    """Return a private room of Ann's."""
    with database.writing() as connection:
        return rooms.create_room(connection, "den", "den", ann.id, private=True)


def test_lobby_is_there(database: Database) -> None:
    with database.reading() as connection:
        assert [room.name for room in rooms.list_rooms(connection, None)] == [LOBBY]


def test_unknown_names(database: Database) -> None:
    with database.reading() as connection:
        assert rooms.find_room_named(connection, "unknown", None) is None
        assert rooms.find_room_named(connection, "un\0known", None) is None


def test_name_is_taken(database: Database, ann: UserRow) -> None:
    with pytest.raises(RoomExistsError), database.writing() as connection:
        rooms.create_room(connection, "Lobby", "lobby", ann.id, private=False)
    with database.reading() as connection:
        assert len(rooms.list_rooms(connection, ann)) == 1


def test_creator_is_member(database: Database, den: Room, ann: UserRow) -> None:
    with database.reading() as connection:
        assert rooms.list_members(connection, den.id) == [ann]


@pytest.mark.parametrize("find", ["list", "id", "name"])
def test_private_room_for_members_alone(
    database: Database, den: Room, ann: UserRow, bob: UserRow, find: str
) -> None:
    def names(reader: UserRow | None) -> set[str]:
        with database.reading() as connection:
            found: list[Room | None]
            if find == "list":
                found = [*rooms.list_rooms(connection, reader)]
            elif find == "id":
                found = [rooms.find_room(connection, den.id, reader)]
            else:
                found = [rooms.find_room_named(connection, "den", reader)]
        return {room.name for room in found if room} - {LOBBY}

    assert (names(ann), names(bob), names(None)) == ({"den"}, set(), set())


def test_member_comes_and_goes(database: Database, den: Room, ann: UserRow, bob: UserRow) -> None:
    with database.writing() as connection:
        rooms.add_member(connection, den.id, bob.id)
    with database.reading() as connection:
        assert rooms.list_members(connection, den.id) == [ann, bob]
    with database.writing() as connection:
        rooms.remove_member(connection, den.id, bob.id)
    with database.reading() as connection:
        assert not rooms.is_member(connection, den.id, bob.id)


def test_member_added_twice(database: Database, den: Room, ann: UserRow, bob: UserRow) -> None:
    with database.writing() as connection:
        rooms.add_member(connection, den.id, bob.id)
        rooms.add_member(connection, den.id, bob.id)
    with database.reading() as connection:
        assert rooms.list_members(connection, den.id) == [ann, bob]


def test_member_added_by_two_at_once(
    database: Database, den: Room, ann: UserRow, bob: UserRow
) -> None:
    errors = []

    def add() -> None:
        try:
            with database.writing() as connection:
                rooms.add_member(connection, den.id, bob.id)
        except Exception as error:
            errors.append(error)

    with database.writing() as connection:
        other = threading.Thread(target=add)
        rooms.add_member(connection, den.id, bob.id)
        other.start()
        # Long enough for the other one to look, and find nobody.
        other.join(0.3)
    other.join()
    assert errors == []


def test_private_room_says_nothing_of_its_name(database: Database, den: Room, bob: UserRow) -> None:
    with database.writing() as connection:
        public = rooms.create_room(connection, "den", "den", bob.id, private=False)
        own = rooms.create_room(connection, "den", "den", bob.id, private=True)
    assert len({den.id, public.id, own.id}) == 3


@pytest.mark.parametrize("is_private", [False, True])
def test_name_leads_where_it_led_before(
    database: Database, ann: UserRow, bob: UserRow, is_private: bool
) -> None:
    """Whoever is invited to a room of a name that he knows already is not led astray."""
    # Each at a time of its own.
    with database.writing() as connection:
        new = rooms.create_room(connection, "tea", "tea", ann.id, private=True)
    with database.writing() as connection:
        known = rooms.create_room(connection, "tea", "tea", bob.id, private=is_private)
    with database.writing() as connection:
        rooms.add_member(connection, new.id, bob.id)
    with database.writing() as connection:
        assert rooms.find_room_named(connection, "tea", bob) == known
        assert rooms.find_room_named(connection, "tea", ann) == new
        rooms.remove_member(connection, known.id, bob.id)
        left = new if is_private else known
        assert rooms.find_room_named(connection, "tea", bob) == left


def test_two_public_rooms_at_once(database: Database, ann: UserRow) -> None:
    """However two come between each other, one of them gets the name."""
    outcomes = []

    def create() -> None:
        try:
            with database.writing() as connection:
                rooms.create_room(connection, "tea", "tea", ann.id, private=False)
                outcomes.append("created")
        except RoomExistsError:
            outcomes.append("refused")

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["created", "refused", "refused", "refused"]
