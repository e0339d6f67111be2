"""What is searched for: words are stored with the HTML, and go with what they are of."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Connection, delete, text, update

from ngw2f.store import files, messages, search
from ngw2f.store import rooms as rooms_of_store
from ngw2f.store.database import Database
from ngw2f.store.schema import messages as table
from ngw2f.store.schema import rooms
from ngw2f.store.search import Wanted, by_author, find_messages, in_room, index_messages
from ngw2f.store.users import UserRow
from ngw2f.text.search_query import Phrase

Say = Callable[..., list[int]]


@pytest.fixture
def say(database: Database, ann: UserRow, lobby: int) -> Say:
    """Give a function that stores rendered messages, with their words."""

    def store(*sources: str, author: UserRow = ann, room_id: int = lobby) -> list[int]:
        with database.writing() as connection:
            made = [
                messages.create_message(connection, room_id, author.id, source, "")
                for source in sources
            ]
            render(connection)
        return [each.id for each in made]

    return store


def render(connection: Connection) -> None:
    waiting = messages.list_unrendered(connection, 500, skip_locked=False)
    messages.set_rendered(connection, [(message, "", ()) for _, message in waiting])
    index_messages(connection, 500)


def find(
    database: Database, *phrases: Phrase, excluded: Sequence[Phrase] = (), **given: object
) -> list[int]:
    reader = given.pop("reader", None)
    assert reader is None or isinstance(reader, UserRow)
    with database.reading() as connection:
        found, _ = find_messages(connection, Wanted(phrases, excluded), reader, **given)  # type: ignore[arg-type] # page
    return [message.id for message in found]


def queued(database: Database) -> list[int]:
    statement = text("SELECT message_id FROM message_search_queue ORDER BY message_id")
    with database.reading() as connection:
        return list(connection.scalars(statement))


def indexed(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM message_search")).scalar_one())


def test_words_and_phrases(database: Database, say: Say) -> None:
    first, second, third = say("Hello new York", "york is new", "日本語 🎉")
    assert find(database, ("york",)) == [first, second]
    assert find(database, ("york",), ("new",)) == [first, second]
    assert find(database, ("new", "york")) == [first]
    assert find(database, ("york",), excluded=[("hello",), ("nothing",)]) == [second]
    assert find(database, excluded=[("new", "york")]) == [second, third]
    assert find(database, ("本", "語")) == [third]
    assert find(database, ("語", "本")) == []
    assert find(database, ("🎉",)) == [third]
    assert find(database, ("hell",)) == []


def test_names_of_files(database: Database, ann: UserRow, lobby: int, say: Say) -> None:
    """They are found as words of the message, and no phrase goes on from one to the next."""
    (other,) = say("a plan for July")
    with database.writing() as connection:
        made = messages.create_message(connection, lobby, ann.id, "see the", "")
        ids = []
        for number, name in enumerate(("Plan für July.pdf", "garden_2026.jpg")):
            file_id, _ = files.add_file(
                connection, str(number), ann.id, lobby, name, 1, most=9, most_of_user=99_999
            )
            files.finish_file(connection, file_id, 1, "application/octet-stream")
            ids.append(file_id)
        assert len(files.attach_files(connection, made.id, lobby, ann.id, ids)) == 2
        render(connection)
    assert find(database, ("plan",)) == [other, made.id]
    assert find(database, ("plan", "fur", "july", "pdf")) == [made.id]
    assert find(database, ("2026",), ("see",)) == [made.id]
    for phrase in (("the", "plan"), ("the", "garden"), ("pdf", "garden"), ("jpg", "plan")):
        assert find(database, phrase) == []
    # What is edited still has them.
    with database.writing() as connection:
        message = messages.find_message(connection, made.id, None)
        assert message is not None
        messages.change_message(connection, message, "bye", "")
        render(connection)
    assert find(database, ("garden",), ("bye",)) == [made.id]


def test_authors_and_rooms(database: Database, say: Say, bob: UserRow, lobby: int) -> None:
    with database.writing() as connection:
        tea = rooms_of_store.create_room(connection, "tea", "tea", bob.id, private=False)
    (first,) = say("hello")
    (second,) = say("hello", author=bob)
    (third,) = say("hello", author=bob, room_id=tea.id)
    assert find(database, by_author(bob.id)) == [second, third]
    assert find(database, by_author(bob.id), in_room(lobby)) == [second]
    assert find(database, ("hello",), excluded=[by_author(bob.id)]) == [first]


def test_pages(database: Database, say: Say) -> None:
    ids = say(*["hello"] * 5)
    with database.reading() as connection:
        found, has_more = find_messages(connection, Wanted([("hello",)]), None, limit=2)
        assert ([each.id for each in found], has_more) == (ids[3:], True)
        found, has_more = find_messages(
            connection, Wanted([("hello",)]), None, limit=3, before=ids[3]
        )
        assert ([each.id for each in found], has_more) == (ids[:3], False)
        assert find_messages(connection, Wanted([("hello",)]), None, before=0) == ([], False)


def test_edit_takes_the_words_away_at_once(database: Database, say: Say) -> None:
    (first,) = say("hello")
    with database.writing() as connection:
        message = messages.find_message(connection, first, None)
        assert message is not None
        messages.change_message(connection, message, "bye", "")
    assert find(database, ("hello",)) == find(database, ("bye",)) == []
    with database.writing() as connection:
        render(connection)
    assert find(database, ("hello",)) == []
    assert find(database, ("bye",)) == [first]
    assert queued(database) == []


def test_new_preview_changes_nothing(database: Database, say: Say) -> None:
    (first,) = say("hello")
    with database.writing() as connection:
        messages.touch_messages(connection, [first])
    assert (find(database, ("hello",)), queued(database)) == ([first], [])


def test_deletion_takes_the_words_away(database: Database, say: Say, ann: UserRow) -> None:
    first, second = say("hello", "hello")
    with database.writing() as connection:
        messages.delete_message(connection, first)
    assert (find(database, ("hello",)), indexed(database)) == ([second], 1)
    with database.writing() as connection:
        # And so does that of whom it belongs to.
        connection.execute(text("DELETE FROM users WHERE id = :id"), {"id": ann.id})
    assert (indexed(database), queued(database)) == (0, [])


def test_unrendered_message_is_deleted_from_the_queue(database: Database, say: Say) -> None:
    (first,) = say("hello")
    with database.writing() as connection:
        connection.execute(update(table).values(source="other"))
    assert (queued(database), find(database, ("hello",))) == ([first], [])
    with database.writing() as connection:
        connection.execute(delete(table))
    assert queued(database) == []


def test_what_others_render_and_import_waits_in_the_queue(
    database: Database, ann: UserRow, lobby: int
) -> None:
    """A worker of the release before knows nothing of words."""
    with database.writing() as connection:
        made = messages.create_message(connection, lobby, ann.id, "hello", "")
        assert not search.has_queued(connection)
        connection.execute(update(table).values(rendered=True))
        assert search.has_queued(connection)
        row = connection.execute(table.select()).mappings().one()
        connection.execute(table.insert(), {**row, "id": made.id + 5, "source": "hello too"})
    assert queued(database) == [made.id, made.id + 5]
    with database.writing() as connection:
        # The newest come first.
        assert index_messages(connection, 1) == 1
    assert find(database, ("hello",)) == [made.id + 5]
    with database.writing() as connection:
        assert index_messages(connection, 5) == 1
        assert index_messages(connection, 5) == 0
    assert find(database, ("hello",)) == [made.id, made.id + 5]


def test_message_that_is_set_aside_is_found_as_it_is(
    database: Database, ann: UserRow, lobby: int
) -> None:
    with database.writing() as connection:
        made = messages.create_message(connection, lobby, ann.id, "hello", "")
        for _ in range(2):
            search.queue_message(connection, made.id)
        index_messages(connection, 5)
    assert find(database, ("hello",)) == [made.id]


def test_private_room_is_for_its_members(
    database: Database, say: Say, ann: UserRow, bob: UserRow
) -> None:
    with database.writing() as connection:
        den = rooms_of_store.create_room(connection, "den", "den", ann.id, private=True)
    (first,) = say("hello", room_id=den.id)

    def found() -> tuple[bool, bool, bool]:
        ids = [find(database, ("hello",), reader=each) for each in (None, ann, bob)]
        return ids[0] == [first], ids[1] == [first], ids[2] == [first]

    assert found() == (False, True, False)
    with database.writing() as connection:
        rooms_of_store.add_member(connection, den.id, bob.id)
        rooms_of_store.remove_member(connection, den.id, ann.id)
    assert found() == (False, False, True)


def test_room_that_changes_is_found_by_whom_it_is_for(
    database: Database, say: Say, ann: UserRow, bob: UserRow
) -> None:
    """It is hidden at once; whoever has lost or won it, the index follows."""
    with database.writing() as connection:
        den = rooms_of_store.create_room(connection, "den", "den", ann.id, private=True)
    (first,) = say("hello", room_id=den.id)

    def set_private(is_private: bool) -> None:
        with database.writing() as connection:
            connection.execute(update(rooms).where(rooms.c.id == den.id).values(private=is_private))

    def index() -> None:
        with database.writing() as connection:
            assert index_messages(connection, 500) == 1

    set_private(False)
    index()
    assert find(database, ("hello",)) == find(database, ("hello",), reader=bob) == [first]
    set_private(True)
    assert find(database, ("hello",)) == find(database, ("hello",), reader=bob) == []
    assert find(database, ("hello",), reader=ann) == [first]
    index()
    assert find(database, ("hello",), reader=bob) == []
    assert find(database, ("hello",), reader=ann) == [first]
