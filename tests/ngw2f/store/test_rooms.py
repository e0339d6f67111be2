import threading

import pytest

from ngw2f.store import rooms
from ngw2f.store.rooms import LOBBY, RoomExistsError


@pytest.fixture
def den(database, ann):
    """Return a private room of Ann's."""
    with database.writing() as connection:
        return rooms.create_room(connection, "den", "den", ann.id, private=True)


def test_lobby_is_there(database):
    with database.reading() as connection:
        assert [room.name for room in rooms.list_rooms(connection, None)] == [LOBBY]


def test_unknown_names(database):
    with database.reading() as connection:
        assert rooms.find_room_named(connection, "unknown", None) is None
        assert rooms.find_room_named(connection, "un\0known", None) is None


def test_name_is_taken(database, ann):
    with pytest.raises(RoomExistsError), database.writing() as connection:
        rooms.create_room(connection, "Lobby", "lobby", ann.id, private=False)
    with database.reading() as connection:
        assert len(rooms.list_rooms(connection, ann)) == 1


def test_creator_is_member(database, den, ann):
    with database.reading() as connection:
        assert rooms.list_members(connection, den.id) == [ann]


@pytest.mark.parametrize("find", ["list", "id", "name"])
def test_private_room_for_members_alone(database, den, ann, bob, find):
    def names(reader):
        with database.reading() as connection:
            if find == "list":
                found = rooms.list_rooms(connection, reader)
            elif find == "id":
                found = [rooms.find_room(connection, den.id, reader)]
            else:
                found = [rooms.find_room_named(connection, "den", reader)]
        return {room.name for room in found if room} - {LOBBY}

    assert (names(ann), names(bob), names(None)) == ({"den"}, set(), set())


def test_member_comes_and_goes(database, den, ann, bob):
    with database.writing() as connection:
        rooms.add_member(connection, den.id, bob.id)
    with database.reading() as connection:
        assert rooms.list_members(connection, den.id) == [ann, bob]
    with database.writing() as connection:
        rooms.remove_member(connection, den.id, bob.id)
    with database.reading() as connection:
        assert not rooms.is_member(connection, den.id, bob.id)


def test_member_added_twice(database, den, ann, bob):
    with database.writing() as connection:
        rooms.add_member(connection, den.id, bob.id)
        rooms.add_member(connection, den.id, bob.id)
    with database.reading() as connection:
        assert rooms.list_members(connection, den.id) == [ann, bob]


def test_member_added_by_two_at_once(database, den, ann, bob):
    errors = []

    def add():
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


def test_private_room_says_nothing_of_its_name(database, den, bob):
    with database.writing() as connection:
        public = rooms.create_room(connection, "den", "den", bob.id, private=False)
        own = rooms.create_room(connection, "den", "den", bob.id, private=True)
    assert len({den.id, public.id, own.id}) == 3


@pytest.mark.parametrize("is_private", [False, True])
def test_name_leads_where_it_led_before(database, ann, bob, is_private):
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


def test_two_public_rooms_at_once(database, ann):
    """However two come between each other, one of them gets the name."""
    outcomes = []

    def create():
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
