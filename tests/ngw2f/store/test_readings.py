"""What users have read, on both databases: counted no further than needed, and told once."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from ngw2f.api_resources import MAX_COUNTED, Reading
from ngw2f.store import events, messages, readings, rooms
from ngw2f.store.database import Database
from ngw2f.store.events import NewEvent
from ngw2f.store.prepared import Prepared
from ngw2f.store.readings import COUNTS, STATE, Ask
from ngw2f.store.schema import events as events_table
from ngw2f.store.users import UserRow
from tests.ngw2f.store.conftest import create_user

Say = Callable[..., int]


@pytest.fixture
def say(database: Database, lobby: int) -> Say:
    def say(user: UserRow, room_id: int = lobby) -> int:
        with database.writing() as connection:
            return messages.create_message(connection, room_id, user.id, "a", "a").id

    return say


def read(database: Database, user: UserRow, room_id: int) -> Reading:
    with database.reading() as connection:
        return readings.find_reading(connection, user.id, room_id)


def note(database: Database, *asks: Ask) -> list[Reading]:
    """Note the asks as the action does; return the readings that changed."""
    with database.writing() as connection:
        _, changed = readings.note(connection, asks)
        new = [NewEvent("unread.updated", "{}", each.room_id, each.user_id) for each in changed]
        ids = [each.id for each in events.add_events(connection, new).events]
        readings.note_events(connection, dict(zip(changed, ids, strict=True)))
    return changed


def test_what_was_said_before_the_account_is_read(
    database: Database, ann: UserRow, say: Say, lobby: int
) -> None:
    first = say(ann)
    bob = create_user(database, "Bob")
    assert read(database, bob, lobby) == Reading(
        lobby, bob.id, first, 0, 0, muted=False, in_room=False
    )
    say(ann)
    assert read(database, bob, lobby).unread == 1


def test_who_speaks_has_read(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    say(ann)
    own = say(bob)
    say(ann)
    assert read(database, bob, lobby) == Reading(
        lobby, bob.id, own, 1, 0, muted=False, in_room=False
    )


def test_unread_is_not_read_by_what_was_said_before(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    first = say(ann)
    say(bob)
    note(database, Ask(bob.id, lobby, "unread", first))
    assert read(database, bob, lobby).unread == 2
    say(bob)
    assert read(database, bob, lobby).unread == 0


def test_rooms_are_read_one_by_one(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    with database.writing() as connection:
        tea = rooms.create_room(connection, "tea", "tea", ann.id, private=False)
    in_lobby, in_tea = say(ann), say(ann, tea.id)
    note(database, Ask(bob.id, lobby, "read", in_tea))
    assert (read(database, bob, lobby).unread, read(database, bob, tea.id).unread) == (0, 1)
    # Nothing was said there yet with the other's id.
    assert read(database, bob, lobby).last_read_id == in_lobby


def test_counting_ends(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    for _ in range(MAX_COUNTED + 5):
        say(ann)
    assert read(database, bob, lobby).unread == MAX_COUNTED


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_both_questions_are_answered_by_indexes(database: Database) -> None:
    """And not by the rows of the messages, however long the room is."""
    values = {"user_id": 1, "room_id": 1, "position": 0, "everybody": 0}
    plans: list[str] = []

    with database.reading() as connection:
        for prepared in (STATE, COUNTS):
            compiled = prepared.compile(connection.dialect)
            bound = tuple(compiled.bound(values))
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled.text}", bound).all()
            plans += [row[-1] for row in rows]
    read = [plan for plan in plans if "messages" in plan]
    assert read
    assert all("COVERING INDEX" in plan for plan in read), plans
    assert not any(plan.startswith("SCAN messages") for plan in plans), plans


def test_change_is_told_once(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    """The newest event of a room and a user is the only one: it says all."""
    said = [say(ann) for _ in range(3)]
    for message_id in said:
        assert len(note(database, Ask(bob.id, lobby, "read", message_id))) == 1
    assert note(database, Ask(bob.id, lobby, "read", said[0])) == []
    with database.reading() as connection:
        count = connection.scalar(select(func.count()).where(events_table.c.user_id == bob.id))
    assert count == 1


def test_what_is_noted_together_is_asked_together(
    database: Database, ann: UserRow, say: Say, lobby: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever posts waits for it, and PostgreSQL takes longest for what is asked one by one."""
    people = [create_user(database, f"user {number}") for number in range(12)]
    said = [say(ann) for _ in range(3)]
    statements: list[str] = []
    run = Prepared._run

    def noted(prepared: Prepared, *given: Any) -> Any:
        statements.append(str(prepared._statement))
        return run(prepared, *given)

    def count(message_id: int, most: int) -> int:
        statements.clear()
        note(database, *(Ask(each.id, lobby, "read", message_id) for each in people[:most]))
        return len(statements)

    note(database, *(Ask(each.id, lobby, "read", said[0]) for each in people))
    monkeypatch.setattr(Prepared, "_run", noted)
    assert count(said[1], 2) == count(said[2], 12)


def test_several_at_once_are_told_as_they_are_in_the_end(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    first, second = say(ann), say(ann)
    asks = Ask(bob.id, lobby, "read", first), Ask(bob.id, lobby, "read", second)
    (changed,) = note(database, *asks, Ask(ann.id, lobby, "unread", second + 1))
    assert changed == Reading(lobby, bob.id, second, 0, 0, muted=False, in_room=True)


def test_position_stays_when_an_own_message_goes(
    database: Database, ann: UserRow, bob: UserRow, say: Say, lobby: int
) -> None:
    say(ann)
    own = say(bob)
    with database.writing() as connection:
        position = readings.find_position(connection, bob.id, lobby)
        messages.delete_message(connection, own)
        readings.keep_position(connection, bob.id, lobby, position)
    assert read(database, bob, lobby) == Reading(
        lobby, bob.id, own, 0, 0, muted=False, in_room=True
    )
