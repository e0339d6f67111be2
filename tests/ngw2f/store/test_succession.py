from sqlalchemy import insert, text

from ngw2f.api_resources import MAX_ID
from ngw2f.store import events, messages, rooms
from ngw2f.store.database import Database
from ngw2f.store.schema import messages as messages_table
from ngw2f.store.succession import SKIPPED_IDS, greatest_ids, succeed
from ngw2f.store.users import UserRow
from tests.ngw2f.store.conftest import create_user


def post(database: Database, room_id: int, user_id: int) -> int:
    with database.writing() as connection:
        return messages.create_message(connection, room_id, user_id, "hello", "hello").id


def test_ids_that_were_given_are_not_given_again(
    database: Database, ann: UserRow, lobby: int
) -> None:
    before = post(database, lobby, ann.id)
    with database.writing() as connection:
        succeed(connection)
    assert post(database, lobby, ann.id) == before + SKIPPED_IDS + 1
    assert create_user(database, "Bob").id == ann.id + SKIPPED_IDS + 1
    with database.writing() as connection:
        room = rooms.create_room(connection, "den", "den", ann.id, private=False)
    assert room.id == lobby + SKIPPED_IDS + 1


def test_ids_of_the_database_before_count(database: Database, ann: UserRow, lobby: int) -> None:
    with database.writing() as connection:
        succeed(connection, {"messages": 70_000_000})
    assert post(database, lobby, ann.id) == 70_000_000 + SKIPPED_IDS + 1


def test_last_ids_are_not_skipped(database: Database, ann: UserRow, lobby: int) -> None:
    with database.writing() as connection:
        values = {"id": MAX_ID - 100, "room_id": lobby, "user_id": ann.id, "source": "x"}
        values |= {"html": "", "rendered": True, "created_at": 1, "updated_at": 1, "version": 1}
        connection.execute(insert(messages_table).values(values))
        succeed(connection, {"messages": MAX_ID - 100})
    assert post(database, lobby, ann.id) == MAX_ID - 50 + 1


def test_followers_are_told(database: Database) -> None:
    with database.writing() as connection:
        before = events.last_id(connection)
        succeed(connection)
    with database.reading() as connection:
        told = events.list_events(connection, before, 9).events
    assert [(event.name, event.data, event.room_id) for event in told] == [("resync", "{}", None)]


def test_greatest_ids(database: Database, ann: UserRow, lobby: int) -> None:
    post(database, lobby, ann.id)
    with database.writing() as connection:
        connection.execute(text("DELETE FROM messages"))
        found = greatest_ids(connection)
    assert (found["messages"], found["users"]) == (1, ann.id)
