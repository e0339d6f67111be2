"""Who may see and do what."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import Rooms
from ngw2f.api_resources import MAX_ID, Room
from ngw2f.core import Core
from ngw2f.errors import Forbidden, NotFound
from ngw2f.store.rooms import LOBBY, LOBBY_ID
from ngw2f.store.users import UserRow


@pytest.fixture
def den(rooms: Rooms, ann: UserRow) -> Room:
    """Give a private room of Ann's."""
    return rooms.create(ann, "den", private=True)


@pytest.fixture
def secret(messages: Messages, ann: UserRow, den: Room) -> int:
    return messages.post(ann, den.id, "secret").message.id


@pytest.fixture
def connection(core: Core, den: Room, secret: int) -> Iterator[Connection]:
    with core.database.reading() as connection:
        yield connection


def test_member_sees_a_private_room(
    connection: Connection, ann: UserRow, den: Room, secret: int
) -> None:
    assert rights.find_room(connection, den.id, ann) == den
    assert rights.find_room_named(connection, "den", ann) == den
    assert rights.find_room_of_member(connection, den.id, ann) == den
    assert rights.find_message(connection, secret, ann).source == "secret"


def test_private_room_is_not_there_for_others(
    connection: Connection, bob: UserRow, den: Room, secret: int
) -> None:
    for reader in (bob, None):
        with pytest.raises(NotFound, match="no such room"):
            rights.find_room(connection, den.id, reader)
        with pytest.raises(NotFound, match="no such room"):
            rights.find_room_named(connection, "den", reader, den.id)
        with pytest.raises(NotFound, match="no such message"):
            rights.find_message(connection, secret, reader)
    with pytest.raises(NotFound):
        rights.find_room_of_member(connection, den.id, bob)
    with pytest.raises(NotFound):
        rights.find_own_message(connection, secret, bob)


def test_everybody_sees_the_lobby(connection: Connection, bob: UserRow) -> None:
    for reader in (bob, None):
        assert rights.find_room(connection, LOBBY_ID, reader).name == LOBBY
        assert rights.find_room_named(connection, LOBBY, reader).id == LOBBY_ID


def test_who_sees_a_room_is_no_member_yet(connection: Connection, bob: UserRow) -> None:
    with pytest.raises(Forbidden, match="only members"):
        rights.find_room_of_member(connection, LOBBY_ID, bob)


@pytest.mark.parametrize("room_id", [0, -1, 404, MAX_ID + 1, 10**30])
def test_id_of_no_room(connection: Connection, ann: UserRow, room_id: int) -> None:
    with pytest.raises(NotFound):
        rights.find_room(connection, room_id, ann)


def test_name_and_id_belong_together(connection: Connection, ann: UserRow, den: Room) -> None:
    assert rights.find_room_named(connection, "den", ann, den.id) == den
    with pytest.raises(NotFound):
        rights.find_room_named(connection, LOBBY, ann, den.id)


def test_name_composed_in_another_way(core: Core, rooms: Rooms, ann: UserRow) -> None:
    room = rooms.create(ann, "caf\u00e9", private=False)
    with core.database.reading() as connection:
        assert rights.find_room_named(connection, "cafe\u0301", None) == room


def test_only_the_author_owns_a_message(
    core: Core, messages: Messages, ann: UserRow, bob: UserRow
) -> None:
    message = messages.post(ann, LOBBY_ID, "hello").message
    with core.database.reading() as connection:
        assert rights.find_own_message(connection, message.id, ann) == message
        with pytest.raises(Forbidden, match="only the author"):
            rights.find_own_message(connection, message.id, bob)
