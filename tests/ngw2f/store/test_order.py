"""Whoever reads on from an id or a time misses nothing, whichever of two writers commits first."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Column, Connection, select, text, update

from ngw2f.api_resources import Message
from ngw2f.store import events, mentions, messages, readings, rooms, users
from ngw2f.store.database import Database
from ngw2f.store.departures import delete_account
from ngw2f.store.events import NewEvent
from ngw2f.store.message_pages import Page, list_versions
from ngw2f.store.order import take_turn
from ngw2f.store.readings import Ask
from ngw2f.store.schema import messages as messages_table
from ngw2f.store.schema import rooms as rooms_table
from ngw2f.store.schema import users as users_table
from ngw2f.store.users import Credentials
from tests.ngw2f.store.conftest import create_user
from tests.overtaking import overtaken

postgresql = pytest.mark.parametrize("backend", ["postgresql"])


class Stage:
    """A room with two messages and two users, what to write into it, and how to follow it."""

    def __init__(self, database: Database, room_id: int) -> None:
        self.database = database
        self.room_id = room_id
        self.people = [create_user(database, name) for name in ("Eve", "Zoe")]
        with database.writing() as connection:
            self.messages = [self.post(connection, number) for number in (0, 1)]

    def post(self, connection: Connection, number: int) -> Message:
        return messages.create_message(
            connection, self.room_id, self.people[number].id, f"post {number}", ""
        )

    def edit(self, connection: Connection, number: int) -> None:
        messages.change_message(connection, self.messages[number], "edited", "")

    def render(self, connection: Connection, number: int) -> None:
        rows = messages.list_unrendered(
            connection, 1, skip_locked=True, exclude_ids=[self.messages[1 - number].id]
        )
        messages.set_rendered(connection, [(rows[0][1], "html", ())])

    def touch(self, connection: Connection, number: int) -> None:
        messages.touch_messages(connection, [self.messages[number].id])

    def join(self, connection: Connection, number: int) -> None:
        users.create_user(connection, f"new {number}", f"new {number}", "hash")

    def rename(self, connection: Connection, number: int) -> None:
        users.change_user(connection, self.people[number].id, nickname=f"other {number}")

    def open_room(self, connection: Connection, number: int) -> None:
        rooms.create_room(
            connection, f"r{number}", f"r{number}", self.people[number].id, private=False
        )

    def rows_after(
        self, connection: Connection, column: Column[Any], cursor: float
    ) -> Sequence[Any]:
        """Return what an index of ids or times has after the cursor, as a list does."""
        table = column.table
        statement = select(column, table.c.id).where(column > cursor).order_by(column)
        return connection.execute(statement).all()

    def newest(self, column: Column[Any]) -> float:
        with self.database.reading() as connection:
            return connection.scalar(select(column).order_by(column.desc()).limit(1)) or 0


@pytest.fixture
def stage(database: Database, lobby: int) -> Stage:
    return Stage(database, lobby)


MESSAGE_TIME, USER_TIME = messages_table.c.updated_at, users_table.c.updated_at
FOLLOWED = [
    (Stage.post, messages_table.c.id),
    (Stage.post, MESSAGE_TIME),
    (Stage.edit, MESSAGE_TIME),
    (Stage.render, MESSAGE_TIME),
    (Stage.touch, MESSAGE_TIME),
    (Stage.join, users_table.c.id),
    (Stage.join, USER_TIME),
    (Stage.rename, USER_TIME),
    (Stage.open_room, rooms_table.c.id),
]


@postgresql
@pytest.mark.parametrize(
    ("write", "column"), FOLLOWED, ids=[f"{w.__name__}-{c}" for w, c in FOLLOWED]
)
def test_reader_passes_over_nothing(
    stage: Stage,
    database: Database,
    write: Callable[[Stage, Connection, int], object],
    column: Column[Any],
) -> None:
    cursor = stage.newest(column)
    seen: list[Any] = []

    def read_on() -> None:
        with database.reading() as connection:
            after = seen[-1][0] if seen else cursor
            seen.extend(stage.rows_after(connection, column, after))

    with overtaken(database, lambda connection, number: write(stage, connection, number)):
        read_on()
    read_on()
    assert len({row_id for _, row_id in seen}) == 2


@postgresql
def test_events_come_in_the_order_of_ids(stage: Stage, database: Database) -> None:
    def tell(connection: Connection, message_id: int) -> None:
        events.add_events(connection, [NewEvent("message.created", str(message_id))])

    def write(connection: Connection, number: int) -> None:
        posted.append(stage.post(connection, number).id)
        if number == 1:
            tell(connection, posted[1])

    posted: list[int] = []
    with overtaken(database, write) as connection:
        tell(connection, posted[0])
    with database.reading() as connection:
        told = [int(event.data) for event in events.list_events(connection, 0, 9).events]
    assert told == sorted(told)


@postgresql
@pytest.mark.parametrize("change", ["edit", "touch"])
def test_change_waits_for_the_renderer_without_the_turn(
    stage: Stage, database: Database, change: str
) -> None:
    """The renderer has the row when its turn comes; each would wait for the other."""

    def write(connection: Connection, number: int) -> None:
        if number == 0:
            messages.list_unrendered(connection, 2, skip_locked=True)
        else:
            getattr(stage, change)(connection, 0)

    with overtaken(database, write), database.writing() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        take_turn(connection)


@postgresql
@pytest.mark.parametrize("first", ["render", "remove"])
def test_who_leaves_and_who_changes_a_mention_do_not_wait_for_each_other(
    stage: Stage, database: Database, first: str
) -> None:
    """A worker replaces the mentions of an edited message, or its author deletes it."""
    message, leaving = stage.messages[0], stage.people[1]
    mentioning = replace(message, mentions=(leaving.id,))
    with database.writing() as connection:
        mentions.store_mentions(connection, [mentioning])

    def write(connection: Connection, number: int) -> None:
        if number == 1:
            mentions.forget_mentions(connection, leaving.id, stage.room_id)
            take_turn(connection)
        elif first == "render":
            messages.list_unrendered(connection, 1, skip_locked=True)
            take_turn(connection)
        else:
            messages.delete_message(connection, message.id)

    with overtaken(database, write) as connection:
        take_turn(connection)
        if first == "render":
            mentions.store_mentions(connection, [mentioning])


@postgresql
def test_who_reads_and_who_deletes_the_account_do_not_wait_for_each_other(
    stage: Stage, database: Database
) -> None:
    """Another browser of the same user says what is read, in its turn."""
    leaving = stage.people[1]
    read = Ask(leaving.id, stage.room_id, "read", stage.messages[0].id)
    with database.writing() as connection:
        readings.note(connection, [read])

    def write(connection: Connection, number: int) -> None:
        if number == 0:
            take_turn(connection)
        else:
            assert users.lock_current(connection, Credentials(leaving.id, "hash"))
            delete_account(connection, leaving.id)

    with overtaken(database, write) as connection:
        readings.note(connection, [read._replace(what="unread")])


@postgresql
def test_invitation_and_new_nickname_do_not_wait_for_each_other(
    stage: Stage, database: Database, lobby: int
) -> None:
    with database.writing() as connection:
        room = rooms.create_room(connection, "private", "private", stage.people[0].id, private=True)

    def write(connection: Connection, number: int) -> None:
        if number == 0:
            rooms.add_member(connection, room.id, stage.people[1].id)
            return
        name = {"nickname": "other", "nickname_key": "other"}
        users.change_user(connection, stage.people[1].id, **name)

    with overtaken(database, write):
        pass


@pytest.mark.parametrize("write", [Stage.post, Stage.edit, Stage.render, Stage.touch])
def test_time_of_a_message_grows_though_the_clock_does_not(
    stage: Stage, database: Database, write: Callable[[Stage, Connection, int], object]
) -> None:
    with database.writing() as connection:
        connection.execute(update(messages_table).values(updated_at=4e9))
    with database.writing() as connection:
        write(stage, connection, 0)
    with database.reading() as connection:
        page = Page(updated_since=4e9)
        assert len(list_versions(connection, stage.room_id, None, page).versions) == 1


@pytest.mark.parametrize("write", [Stage.join, Stage.rename])
def test_time_of_a_user_grows_though_the_clock_does_not(
    stage: Stage, database: Database, write: Callable[[Stage, Connection, int], object]
) -> None:
    with database.writing() as connection:
        connection.execute(update(users_table).values(updated_at=4e9))
    with database.writing() as connection:
        write(stage, connection, 0)
    with database.reading() as connection:
        assert len(users.list_users(connection, updated_since=4e9)) == 1


def test_stored_time_is_the_one_returned(stage: Stage, database: Database) -> None:
    with database.writing() as connection:
        posted = stage.post(connection, 0)
        edited = messages.change_message(connection, posted, "edited", "")
    assert edited is not None
    assert edited.updated_at > posted.updated_at == posted.created_at
    with database.reading() as connection:
        assert messages.reload_message(connection, posted) == edited


def test_turn_is_taken_once(database: Database) -> None:
    with database.writing() as connection:
        turn = take_turn(connection)
        assert take_turn(connection) is turn
        last = events.add_events(connection, [NewEvent("typing", "{}")]).events[-1].id
        assert events.add_events(connection, [NewEvent("typing", "{}")]).previous_id == last
    with database.writing() as connection:
        assert take_turn(connection) is not turn
        assert take_turn(connection).last_id == turn.last_id
