"""Everything about the store holds on SQLite and on PostgreSQL."""

import pytest

from ngw2f.store import rooms, users
from ngw2f.store.database import Database
from ngw2f.store.rooms import LOBBY
from ngw2f.store.users import UserRow


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ann(database: Database) -> UserRow:
    return create_user(database, "Ann")


@pytest.fixture
def bob(database: Database) -> UserRow:
    return create_user(database, "Bob")


@pytest.fixture
def lobby(database: Database) -> int:
    with database.reading() as connection:
        room = rooms.find_room_named(connection, LOBBY, None)
    assert room is not None
    return room.id


def create_user(database: Database, nickname: str) -> UserRow:
    with database.writing() as connection:
        return users.create_user(connection, nickname, nickname.lower(), "hash")
