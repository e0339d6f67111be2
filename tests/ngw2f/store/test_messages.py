import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from ngw2f.api_resources import Message
from ngw2f.store import message_pages, messages, render_queue, rooms, schema
from ngw2f.store.database import Database
from ngw2f.store.message_pages import Page, list_versions
from ngw2f.store.prepared import Prepared
from ngw2f.store.users import UserRow


@pytest.fixture
def write(database: Database, ann: UserRow, lobby: int) -> Callable[..., Message]:
    """Return a function that stores a message of Ann's."""

    def create(source: str, room_id: int = lobby) -> Message:
        with database.writing() as connection:
            return messages.create_message(connection, room_id, ann.id, source, f"<p>{source}</p>")

    return create


def page(database: Database, room_id: int, **arguments: Any) -> tuple[list[str], bool]:
    with database.reading() as connection:
        found, has_more = messages.list_messages(connection, room_id, None, Page(**arguments))
    return [message.source for message in found], has_more


def waiting(database: Database) -> list[str]:
    with database.reading() as connection:
        found = messages.list_unrendered(connection, 10, skip_locked=False)
    return [message.source for _, message in found]


def test_created_message_is_found(database: Database, write: Callable[..., Message]) -> None:
    message = write("hello")
    with database.reading() as connection:
        assert messages.find_message(connection, message.id, None) == message
        assert messages.reload_message(connection, message) == message


def test_newest_page_oldest_first(
    database: Database, write: Callable[..., Message], lobby: int
) -> None:
    for number in range(5):
        write(str(number))
    assert page(database, lobby, limit=2) == (["3", "4"], True)
    assert page(database, lobby, limit=5) == (["0", "1", "2", "3", "4"], False)


def test_pages_in_both_directions(
    database: Database, write: Callable[..., Message], lobby: int
) -> None:
    ids = [write(str(number)).id for number in range(5)]
    assert page(database, lobby, limit=2, before=ids[3]) == (["1", "2"], True)
    assert page(database, lobby, limit=2, before=ids[1]) == (["0"], False)
    assert page(database, lobby, limit=2, after=ids[1]) == (["2", "3"], True)
    assert page(database, lobby, limit=2, after=ids[3]) == (["4"], False)


OTHERS = 5_000


@pytest.fixture
def quiet(database: Database, write: Callable[..., Message]) -> Message:
    """Store a message of a quiet room, and then many of another one."""
    first = write("quiet")
    with database.writing() as connection:
        room = rooms.create_room(connection, "loud", "loud", first.user_id, private=False)
        same = {"user_id": first.user_id, "source": "", "html": "", "rendered": True, "version": 1}
        same |= {"room_id": room.id, "created_at": 1.0, "updated_at": 1.0}
        connection.execute(insert(schema.messages), [same] * OTHERS)
        connection.execute(text("ANALYZE"))
    return first


def plan_of(database: Database, statement: Prepared, given: dict[str, Any]) -> str:
    with database.reading() as connection:
        compiled = statement.compile(connection.dialect)
        explain = f"EXPLAIN {'QUERY PLAN ' if database.is_sqlite else ''}{compiled.text}"
        bound = compiled.bound(given)
        return str(connection.connection.cursor().execute(explain, bound).fetchall())


@pytest.mark.parametrize(
    "given",
    [(), ("before",), ("after",), ("before", "user_id"), ("updated_since",),
     ("after", "updated_since")],
)  # fmt: skip
def test_page_of_a_quiet_room_is_not_sought_among_all_messages(
    database: Database, quiet: Message, lobby: int, given: tuple[str, ...]
) -> None:
    """PostgreSQL went through a million messages of another room, back to those of this one."""
    values = {"limit": 51, "room_id": lobby, "before": quiet.id + OTHERS, "after": 0}
    values |= {"user_id": quiet.user_id, "updated_since": 0}
    of = message_pages._Room(to_user=False, is_sqlite=database.is_sqlite)
    plan = plan_of(database, message_pages._page_of_all(of, message_pages.VERSION, given), values)
    # Of so few, PostgreSQL may as well read the room, and sort it.
    names = ["page", "author", *([] if database.is_sqlite else ["room_id_updated_at"])]
    assert any(f"ix_messages_{name}" in plan for name in names)
    assert "pk_messages" not in plan
    arguments = {name: values[name] for name in given if name != "user_id"}
    assert page(database, lobby, **arguments) == (["quiet"], False)


def test_few_changes_are_not_sought_among_all_messages(
    database: Database, quiet: Message, lobby: int
) -> None:
    of = message_pages._Room(to_user=False, is_sqlite=database.is_sqlite)
    values = {"limit": 51, "room_id": lobby, "updated_since": 0}
    for statement in (
        message_pages._count_changes(of),
        message_pages._page_of_changes(of, message_pages.VERSION, ("updated_since",)),
    ):
        plan = plan_of(database, statement, values)
        # As above.
        assert "ix_messages_room_id_updated_at" in plan or not database.is_sqlite
        assert "pk_messages" not in plan


@pytest.mark.parametrize("since", [0.0, 100.0, 390.0, 700.0, 1000.0])
def test_pages_of_what_has_changed(
    database: Database, ann: UserRow, bob: UserRow, lobby: int, since: float
) -> None:
    """Few changes, or more than a page is sought among; the oldest were changed last."""
    count = 2 * message_pages.FEW_CHANGES
    same: dict[str, Any] = {"source": "", "html": "", "rendered": True, "version": 1}
    same["room_id"] = lobby
    rows = [
        same
        | {"id": number, "user_id": (ann.id, bob.id)[number % 3 == 0], "created_at": 1.0}
        | {"updated_at": float(count - number if number % 2 else number)}
        for number in range(1, count + 1)
    ]
    with database.writing() as connection:
        connection.execute(insert(schema.messages), rows)
    for before, after, user_id in itertools.product(
        (None, count // 2), (None, count // 3), (None, bob.id)
    ):
        wanted = [
            row["id"]
            for row in rows
            if row["updated_at"] > since
            and (before is None or row["id"] < before)
            and (after is None or row["id"] > after)
            and (user_id is None or row["user_id"] == user_id)
        ]
        asked = Page(50, before, after, since, user_id)
        with database.reading() as connection:
            found = list_versions(connection, lobby, None, asked)
            whole, _ = messages.list_messages(connection, lobby, None, asked)
        some = wanted[-50:] if after is None else wanted[:50]
        assert [message_id for message_id, _ in found.versions] == some
        assert [message.id for message in whole] == some
        assert found.has_more == (len(wanted) > 50)


def test_page_of_changes(database: Database, write: Callable[..., Message], lobby: int) -> None:
    first = write("old")
    write("untouched")
    since = time.time()
    with database.writing() as connection:
        messages.change_message(connection, first, "new", "")
    assert page(database, lobby, updated_since=since) == (["new"], False)


def test_page_of_one_user(
    database: Database, write: Callable[..., Message], bob: UserRow, lobby: int
) -> None:
    write("by Ann")
    assert page(database, lobby, user_id=bob.id) == ([], False)


def test_message_of_private_room(
    database: Database, write: Callable[..., Message], ann: UserRow, bob: UserRow
) -> None:
    with database.writing() as connection:
        room = rooms.create_room(connection, "den", "den", ann.id, private=True)
    message = write("secret", room.id)
    with database.reading() as connection:
        assert messages.find_message(connection, message.id, ann) == message
        assert messages.find_message(connection, message.id, bob) is None
        assert messages.find_message(connection, message.id, None) is None


def unchanged(connection: Connection, version: int, message: Message) -> set[int]:
    return messages.list_unchanged(connection, [(version, message)])


def test_rendered_leaves_the_outbox(database: Database, write: Callable[..., Message]) -> None:
    message = write("*a*")
    write("*b*")
    html = "<p><em>a</em></p>"
    with database.writing() as connection:
        (stored,) = messages.set_rendered(connection, [(message, html, ())])
        assert messages.find_message(connection, message.id, None) == stored
    assert (stored.html, stored.rendered) == (html, True)
    assert stored.updated_at > message.updated_at
    assert waiting(database) == ["*b*"]


def test_nothing_rendered_is_nothing(database: Database) -> None:
    with database.writing() as connection:
        assert messages.set_rendered(connection, []) == []


def test_unchanged_while_rendered(database: Database, write: Callable[..., Message]) -> None:
    message = write("a")
    with database.reading() as connection:
        assert unchanged(connection, 1, message) == {message.id}


def test_rendered_by_another_worker(database: Database, write: Callable[..., Message]) -> None:
    message = write("a")
    with database.writing() as connection:
        messages.set_rendered(connection, [(message, "first", ())])
        assert unchanged(connection, 1, message) == set()


def test_edited_while_rendered_waits_again(
    database: Database, write: Callable[..., Message]
) -> None:
    message = write("before")
    with database.writing() as connection:
        messages.change_message(connection, message, "after", "after")
        assert unchanged(connection, 1, message) == set()
    assert waiting(database) == ["after"]


def test_deleted_while_rendered(database: Database, write: Callable[..., Message]) -> None:
    message = write("gone")
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
        assert unchanged(connection, 1, message) == set()


def test_touched_has_another_version(
    database: Database, write: Callable[..., Message], lobby: int
) -> None:
    message = write("a")
    with database.writing() as connection:
        messages.touch_messages(connection, [message.id])
        assert list_versions(connection, lobby, None, Page()).versions == ((message.id, 2),)
        touched = messages.reload_message(connection, message)
    assert touched is not None
    assert touched.updated_at > message.updated_at


def test_outbox_is_measured(database: Database, write: Callable[..., Message]) -> None:
    with database.reading() as connection:
        assert render_queue.measure_outbox(connection) == (0, None)
    first = write("a")
    write("b")
    with database.reading() as connection:
        assert render_queue.measure_outbox(connection) == (2, first.updated_at)


def test_newest_id(database: Database, write: Callable[..., Message]) -> None:
    with database.reading() as connection:
        assert messages.newest_id(connection) == 0
    message = write("a")
    with database.reading() as connection:
        assert messages.newest_id(connection) == message.id


def test_change_of_deleted_is_none(database: Database, write: Callable[..., Message]) -> None:
    message = write("gone")
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
        assert messages.change_message(connection, message, "back", "back") is None


def test_deleted_id_is_not_used_again(database: Database, write: Callable[..., Message]) -> None:
    message = write("gone")
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
    assert write("next").id > message.id


def test_waiting_for_long(database: Database, write: Callable[..., Message]) -> None:
    now = time.time()
    write("waits")
    with database.reading() as connection:
        assert render_queue.has_waiting(connection, now + 60)
        assert not render_queue.has_waiting(connection, now - 60)


# SQLite locks no rows; the outbox has a lock of its own there.
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_locked_rows_are_skipped(database: Database, write: Callable[..., Message]) -> None:
    write("taken")
    with database.writing() as first, database.writing() as second:
        assert len(messages.list_unrendered(first, 10, skip_locked=True)) == 1
        assert messages.list_unrendered(second, 10, skip_locked=True) == []
