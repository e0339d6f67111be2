"""Mentions on both databases: found, stored, counted, listed and forgotten."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, update

from ngw2f.api_resources import MAX_ID, Message, Room
from ngw2f.store import mentions, messages, readings, rooms, schema
from ngw2f.store.database import Database
from ngw2f.store.readings import Ask
from ngw2f.store.users import UserRow
from tests.ngw2f.store.conftest import create_user

Say = Callable[..., Message]


@pytest.fixture
def den(database: Database, ann: UserRow, bob: UserRow) -> Room:
    """Return a private room of Ann's and Bob's."""
    with database.writing() as connection:
        room = rooms.create_room(connection, "den", "den", ann.id, private=True)
        rooms.add_member(connection, room.id, bob.id)
    return room


@pytest.fixture
def say(database: Database, ann: UserRow, lobby: int) -> Say:
    """Give a function that stores a message of Ann's as a worker has rendered it."""

    def say(html: str, room_id: int = lobby) -> Message:
        with database.writing() as connection:
            message = messages.create_message(connection, room_id, ann.id, "a", "a")
            return render(connection, message, html)

    return say


def render(connection: Connection, message: Message, html: str) -> Message:
    found = mentions.find_mentions(connection, [(message, html)])
    stored = messages.set_rendered(
        connection,
        [(each, marked, ()) for each, marked in found],
    )
    mentions.store_mentions(connection, stored)
    return stored[0]


def listed(database: Database, user: UserRow, before: int = MAX_ID, limit: int = 50) -> list[int]:
    with database.reading() as connection:
        return list(mentions.list_mentions(connection, user, before, limit))


def test_stored_as_they_were_found(database: Database, bob: UserRow, say: Say, lobby: int) -> None:
    message = say("<p>@bob and @room, not @nobody</p>")
    assert (message.mentions, message.mentions_room) == ((bob.id,), True)
    with database.reading() as connection:
        assert messages.reload_message(connection, message) == message
        assert messages.load_messages(connection, [message.id]) == [(2, message)]
        reading = readings.find_reading(connection, bob.id, lobby)
    # Bob is mentioned by name, and has not come to the lobby; it is one message anyway.
    assert reading.mention_ids == (message.id,)


def test_once_in_a_count(database: Database, bob: UserRow, den: Room, say: Say) -> None:
    message = say("<p>@bob @room</p>", den.id)
    with database.reading() as connection:
        reading = readings.find_reading(connection, bob.id, den.id)
    assert (reading.mentions, reading.mention_ids) == (1, (message.id,))
    assert listed(database, bob) == [message.id]


def test_in_a_private_room_members_alone(
    database: Database, bob: UserRow, den: Room, say: Say
) -> None:
    eve = create_user(database, "Eve")
    message = say("<p>@bob @eve</p>", den.id)
    assert message.mentions == (bob.id,)
    assert message.html.count("mention") == 1
    assert listed(database, eve) == []


def test_edited_message_mentions_others(
    database: Database, ann: UserRow, bob: UserRow, say: Say
) -> None:
    eve = create_user(database, "Eve")
    message = say("<p>@bob</p>")
    with database.writing() as connection:
        changed = messages.change_message(connection, message, "b", "b")
        assert changed is not None
        # Until it is rendered, it mentions whom it did.
        assert changed.mentions == (bob.id,)
        render(connection, changed, "<p>@eve, @ann</p>")
    assert (listed(database, bob), listed(database, eve)) == ([], [message.id])
    # Nobody is told of a mention of oneself.
    assert listed(database, ann) == []


def test_who_left_while_a_worker_was_rendering_misses_nothing_else(
    database: Database, den: Room, say: Say
) -> None:
    eve = create_user(database, "Eve")
    seen = [say("<p>@eve</p>").id for _ in range(2)]
    message = say("<p>@eve</p>", den.id)
    with database.writing() as connection:
        mentions.store_mentions(connection, [replace(message, mentions=(eve.id,))])
    assert listed(database, eve, limit=2) == seen[::-1]


def test_calls_in_rooms_that_one_has_left_hide_no_others(
    database: Database, den: Room, say: Say, lobby: int
) -> None:
    """A user who has read a room keeps the position in it, and comes to what is left."""
    eve = create_user(database, "Eve")
    in_lobby = say("<p>@room</p>").id
    say("<p>@room</p>", den.id)
    with database.writing() as connection:
        asks = [Ask(eve.id, room_id, "read", 0) for room_id in (lobby, den.id)]
        readings.note(connection, asks)
    assert listed(database, eve, limit=1) == [in_lobby]


def test_edited_by_the_release_before(database: Database, bob: UserRow, say: Say) -> None:
    """It does not say that a message was edited, which must not keep others from being stored."""
    message = say("<p>@bob</p>")
    with database.writing() as connection:
        connection.execute(update(schema.messages).values(source="b", rendered=False))
        render(connection, message, "<p>@bob and @room</p>")
    with database.writing() as connection:
        connection.execute(update(schema.messages).values(source="c", rendered=False))
        render(connection, message, "<p>nobody</p>")
    assert listed(database, bob) == []


def test_of_all_in_rooms_that_one_is_in(
    database: Database, bob: UserRow, den: Room, say: Say, lobby: int
) -> None:
    in_lobby = [say("<p>@room</p>").id for _ in range(2)]
    in_den = [say("<p>@room</p>", den.id).id for _ in range(2)]
    by_name = say("<p>@bob</p>").id
    assert listed(database, bob) == [by_name, *reversed(in_den)]
    with database.writing() as connection:
        readings.note(connection, [Ask(bob.id, lobby, "read", 0)])
    assert listed(database, bob) == [by_name, *reversed(in_den), *reversed(in_lobby)]
    assert listed(database, bob, before=by_name, limit=3) == [*reversed(in_den), in_lobby[1]]
    with database.writing() as connection:
        readings.note(connection, [Ask(bob.id, den.id, "muted")])
    assert listed(database, bob) == [by_name, *reversed(in_lobby)]


def test_who_has_left_is_not_told(database: Database, bob: UserRow, den: Room, say: Say) -> None:
    say("<p>@bob</p>", den.id)
    say("<p>@room</p>", den.id)
    with database.writing() as connection:
        rooms.remove_member(connection, den.id, bob.id)
    assert listed(database, bob) == []
    with database.writing() as connection:
        mentions.forget_mentions(connection, bob.id, den.id)
        rooms.add_member(connection, den.id, bob.id)
    # Those of all in the room are not the user's own.
    assert len(listed(database, bob)) == 1
