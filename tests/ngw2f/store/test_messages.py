import time

import pytest

from ngw2f.store import messages, rooms
from ngw2f.store.messages import Page


@pytest.fixture
def write(database, ann, lobby):
    """Return a function that stores a message of Ann's."""

    def create(source, room_id=lobby):
        with database.writing() as connection:
            return messages.create_message(connection, room_id, ann.id, source, f"<p>{source}</p>")

    return create


def page(database, room_id, **arguments):
    with database.reading() as connection:
        found, has_more = messages.list_messages(connection, room_id, None, Page(**arguments))
    return [message.source for message in found], has_more


def waiting(database):
    with database.reading() as connection:
        found = messages.list_unrendered(connection, 10, skip_locked=False)
    return [message.source for _, message in found]


def test_created_message_is_found(database, write):
    message = write("hello")
    with database.reading() as connection:
        assert messages.find_message(connection, message.id, None) == message
        assert messages.reload_message(connection, message) == message


def test_newest_page_oldest_first(database, write, lobby):
    for number in range(5):
        write(str(number))
    assert page(database, lobby, limit=2) == (["3", "4"], True)
    assert page(database, lobby, limit=5) == (["0", "1", "2", "3", "4"], False)


def test_pages_in_both_directions(database, write, lobby):
    ids = [write(str(number)).id for number in range(5)]
    assert page(database, lobby, limit=2, before=ids[3]) == (["1", "2"], True)
    assert page(database, lobby, limit=2, before=ids[1]) == (["0"], False)
    assert page(database, lobby, limit=2, after=ids[1]) == (["2", "3"], True)
    assert page(database, lobby, limit=2, after=ids[3]) == (["4"], False)


def test_page_of_changes(database, write, lobby):
    first = write("old")
    write("untouched")
    since = time.time()
    with database.writing() as connection:
        messages.change_message(connection, first, "new", "")
    assert page(database, lobby, updated_since=since) == (["new"], False)


def test_page_of_one_user(database, write, bob, lobby):
    write("by Ann")
    assert page(database, lobby, user_id=bob.id) == ([], False)


def test_message_of_private_room(database, write, ann, bob):
    with database.writing() as connection:
        room = rooms.create_room(connection, "den", "den", ann.id, private=True)
    message = write("secret", room.id)
    with database.reading() as connection:
        assert messages.find_message(connection, message.id, ann) == message
        assert messages.find_message(connection, message.id, bob) is None
        assert messages.find_message(connection, message.id, None) is None


def unchanged(connection, version, message):
    return messages.list_unchanged(connection, [(version, message)])


def test_rendered_leaves_the_outbox(database, write):
    message = write("*a*")
    write("*b*")
    html = "<p><em>a</em></p>"
    with database.writing() as connection:
        (stored,) = messages.set_rendered(connection, [(message, html, ())])
        assert messages.find_message(connection, message.id, None) == stored
    assert (stored.html, stored.rendered) == (html, True)
    assert stored.updated_at > message.updated_at
    assert waiting(database) == ["*b*"]


def test_nothing_rendered_is_nothing(database):
    with database.writing() as connection:
        assert messages.set_rendered(connection, []) == []


def test_unchanged_while_rendered(database, write):
    message = write("a")
    with database.reading() as connection:
        assert unchanged(connection, 1, message) == {message.id}


def test_rendered_by_another_worker(database, write):
    message = write("a")
    with database.writing() as connection:
        messages.set_rendered(connection, [(message, "first", ())])
        assert unchanged(connection, 1, message) == set()


def test_edited_while_rendered_waits_again(database, write):
    message = write("before")
    with database.writing() as connection:
        messages.change_message(connection, message, "after", "after")
        assert unchanged(connection, 1, message) == set()
    assert waiting(database) == ["after"]


def test_deleted_while_rendered(database, write):
    message = write("gone")
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
        assert unchanged(connection, 1, message) == set()


def test_touched_has_another_version(database, write, lobby):
    message = write("a")
    with database.writing() as connection:
        messages.touch_messages(connection, [message.id])
        assert messages.list_versions(connection, lobby, None, Page()).versions == (
            (message.id, 2),
        )
        assert messages.reload_message(connection, message).updated_at > message.updated_at


def test_outbox_is_measured(database, write):
    with database.reading() as connection:
        assert messages.measure_outbox(connection) == (0, None)
    first = write("a")
    write("b")
    with database.reading() as connection:
        assert messages.measure_outbox(connection) == (2, first.updated_at)


def test_newest_id(database, write):
    with database.reading() as connection:
        assert messages.newest_id(connection) == 0
    message = write("a")
    with database.reading() as connection:
        assert messages.newest_id(connection) == message.id


def test_change_of_deleted_is_none(database, write):
    message = write("gone")
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
        assert messages.change_message(connection, message, "back", "back") is None


def test_deleted_id_is_not_used_again(database, write):
    message = write("gone")
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
    assert write("next").id > message.id


def test_waiting_for_long(database, write):
    now = time.time()
    write("waits")
    with database.reading() as connection:
        assert messages.has_waiting(connection, now + 60)
        assert not messages.has_waiting(connection, now - 60)


# SQLite locks no rows; the outbox has a lock of its own there.
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_locked_rows_are_skipped(database, write):
    write("taken")
    with database.writing() as first, database.writing() as second:
        assert len(messages.list_unrendered(first, 10, skip_locked=True)) == 1
        assert messages.list_unrendered(second, 10, skip_locked=True) == []
