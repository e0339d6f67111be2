from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ngw2f.api_resources import Message, Preview
from ngw2f.store import message_links, messages, previews, rooms
from ngw2f.store.database import Database
from ngw2f.store.previews import Content, DuePreview, Schedule
from ngw2f.store.users import UserRow

# What is shown of the messages to which links were attached, and whether any is to be fetched.
Attached = tuple[Mapping[int, tuple[Preview, ...]], bool]
Attach = Callable[..., Attached]

URL = "http://a.example/"
OTHER = "http://b.example:81/x?y"
PAGE = Content("Title", "Description", "Site")
PICTURE = Content("Title", thumbnail=b"webp", media_type="image/webp", width=4, height=3)


@pytest.fixture
def write(database: Database, ann: UserRow, lobby: int) -> Callable[..., Message]:
    """Return a function that stores a message of Ann's."""

    def create(source: str = "a") -> Message:
        with database.writing() as connection:
            return messages.create_message(connection, lobby, ann.id, source, "")

    return create


@pytest.fixture
def attach(database: Database) -> Attach:
    def attach_one(message: Message, *urls: str, now: float = 1.0) -> Attached:
        with database.writing() as connection:
            return message_links.attach_links(connection, {message.id: urls}, now)

    return attach_one


@pytest.fixture
def fetched(
    database: Database, write: Callable[..., Message], attach: Attach
) -> Callable[..., list[int]]:
    """Return a function that stores what is behind URL, and the messages that then change."""

    def store(content: Content = PAGE, expires_at: float = 100.0) -> list[int]:
        due = due_now(database)
        preview_id = due[0].id if due else 1
        with database.writing() as connection:
            schedule = Schedule(expires_at)
            previews.set_content(connection, preview_id, content, schedule)
            return sorted(previews.take_unnotified(connection, 100))

    return store


@pytest.fixture
def write_privately(database: Database, ann: UserRow) -> Callable[[], Message]:
    """Return a function that stores a message of Ann's in a new private room."""
    names = iter(("one", "two"))

    def create() -> Message:
        name = next(names)
        with database.writing() as connection:
            room = rooms.create_room(connection, name, name, ann.id, private=True)
            return messages.create_message(connection, room.id, ann.id, "a", "")

    return create


def due_now(database: Database, now: float = 1e9, limit: int = 10, **but: Any) -> list[DuePreview]:
    with database.reading() as connection:
        return previews.list_due(connection, now, limit, **but)


def shown(database: Database, message: Message) -> tuple[Preview, ...]:
    with database.reading() as connection:
        return previews.previews_of(connection, [message.id]).get(message.id, ())


def test_new_link_is_due(database: Database, write: Callable[..., Message], attach: Attach) -> None:
    assert attach(write(), URL) == ({1: ()}, True)
    assert due_now(database) == [DuePreview(1, URL, "a.example", 0)]
    assert due_now(database, now=0.5) == []


def test_message_without_links(attach: Attach, write: Callable[..., Message]) -> None:
    assert attach(write()) == ({}, False)


def test_link_of_many_is_due_once(
    database: Database, write: Callable[..., Message], attach: Attach
) -> None:
    for _ in range(3):
        attach(write(), URL)
    assert len(due_now(database)) == 1


def test_due_oldest_first_but_some(
    database: Database, write: Callable[..., Message], attach: Attach
) -> None:
    attach(write(), URL, now=2.0)
    attach(write(), OTHER, now=1.0)
    urls = [due.url for due in due_now(database)]
    assert urls == [OTHER, URL]
    assert [due.url for due in due_now(database, limit=1)] == [OTHER]
    assert [due.url for due in due_now(database, exclude_sites=["b.example:81"])] == [URL]
    assert [due.url for due in due_now(database, exclude_ids=[1])] == [OTHER]


def test_waiting_for_long(
    database: Database, write: Callable[..., Message], attach: Attach
) -> None:
    attach(write(), URL, now=1.0)
    with database.reading() as connection:
        assert previews.has_due(connection, 1.5)
        assert not previews.has_due(connection, 1.0)


def test_content_changes_its_messages(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    first, second = write(), write()
    attach(first, OTHER)
    attach(second, URL, OTHER)
    changed = fetched()
    assert changed == [first.id, second.id]
    assert shown(database, second) == (Preview(OTHER, "Title", "Description", "Site", "", 0, 0),)
    assert [due.url for due in due_now(database)] == [URL]


def test_same_content_changes_nothing(
    write: Callable[..., Message], attach: Attach, fetched: Callable[..., list[int]]
) -> None:
    attach(write(), URL)
    assert fetched() != []
    assert fetched() == []


def test_empty_content_is_not_shown(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    assert fetched(Content(site_name="Site")) != []
    assert shown(database, message) == ()


def test_known_link_is_shown_at_once(
    write: Callable[..., Message], attach: Attach, fetched: Callable[..., list[int]]
) -> None:
    attach(write(), URL)
    fetched()
    found, is_due = attach(write(), URL, now=50.0)
    assert found == {2: (Preview(URL, "Title", "Description", "Site", "", 0, 0),)}
    assert not is_due


def test_stale_link_is_shown_and_due(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    attach(write(), URL)
    fetched(expires_at=100.0)
    found, is_due = attach(write(), URL, now=100.0)
    assert found[2][0].title == "Title"
    assert is_due
    assert len(due_now(database)) == 1


def test_links_in_their_order(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, OTHER, URL)
    fetched(PAGE)
    fetched(PICTURE)
    assert [preview.url for preview in shown(database, message)] == [OTHER, URL]


def test_thumbnail_is_stored(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched(PICTURE)
    (preview,) = shown(database, message)
    name = preview.image.removeprefix("/thumbnails/")
    with database.reading() as connection:
        assert previews.find_thumbnail(connection, name) == ("image/webp", b"webp", 0)
        assert previews.find_thumbnail(connection, "unknown") is None
    assert (preview.image_width, preview.image_height) == (4, 3)


def test_same_thumbnail_keeps_its_name(
    write: Callable[..., Message], attach: Attach, fetched: Callable[..., list[int]]
) -> None:
    attach(write(), URL)
    fetched(PICTURE)
    assert fetched(PICTURE) == []


def test_other_thumbnail_takes_its_place(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched(PICTURE)
    (before,) = shown(database, message)
    assert fetched(Content("Title", thumbnail=b"other", media_type="image/webp")) == [message.id]
    (after,) = shown(database, message)
    assert before.image != after.image
    with database.reading() as connection:
        assert previews.find_thumbnail(connection, before.image.rpartition("/")[2]) is None


def test_failure_keeps_what_is_shown(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched()
    with database.writing() as connection:
        previews.set_schedule(connection, 1, Schedule(50.0, 50.0, failures=1))
    assert shown(database, message)[0].title == "Title"
    assert due_now(database, now=60.0)[0].failures == 1


def test_edit_detaches_links(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched()
    with database.writing() as connection:
        changed = messages.change_message(connection, message, "no links", "")
        assert changed is not None
        assert changed.previews == ()
        assert messages.find_message(connection, message.id, None) == changed


def test_message_has_its_previews(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched()
    with database.reading() as connection:
        (_, loaded), *_ = messages.load_messages(connection, [message.id])
        found = messages.find_message(connection, message.id, None)
        reloaded = messages.reload_message(connection, message)
    assert loaded == found == reloaded
    assert loaded.previews[0].title == "Title"


def test_delete_unused(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched(PICTURE, expires_at=100.0)
    with database.writing() as connection:
        assert previews.delete_unused_previews(connection, 200.0) == 0
        messages.delete_message(connection, message.id)
        assert previews.delete_unused_previews(connection, 99.0) == 0
        assert previews.delete_unused_previews(connection, 100.0) == 1


def test_refresh_what_recent_messages_show(
    database: Database,
    write: Callable[..., Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    message = write()
    attach(message, URL)
    fetched(expires_at=100.0)
    with database.writing() as connection:
        assert previews.refresh_previews(connection, 99.0, message.id) == 0
        assert previews.refresh_previews(connection, 100.0, message.id + 1) == 0
        assert previews.refresh_previews(connection, 100.0, message.id) == 1
    assert len(due_now(database)) == 1


def test_many_are_told_page_by_page(
    database: Database, write: Callable[..., Message], attach: Attach
) -> None:
    """The newest first, of one link after the other, each once."""
    for _ in range(3):
        attach(write(), URL)
    attach(write(), OTHER)
    with database.writing() as connection:
        for preview_id in (1, 2):
            previews.set_content(connection, preview_id, PAGE, Schedule(100.0))
    pages = []
    for _ in range(3):
        with database.writing() as connection:
            pages.append(previews.take_unnotified(connection, 2))
    assert pages == [[3, 2], [1, 4], []]
    with database.reading() as connection:
        assert not previews.has_unnotified(connection)


def test_page_that_ends_with_the_last_message(
    database: Database, write: Callable[..., Message], attach: Attach
) -> None:
    attach(write(), URL)
    with database.writing() as connection:
        previews.set_content(connection, 1, PAGE, Schedule(100.0))
        assert previews.take_unnotified(connection, 1) == [1]
        assert previews.take_unnotified(connection, 1) == []
        assert not previews.has_unnotified(connection)


def test_link_of_a_private_room_is_fetched_for_itself(
    database: Database,
    write: Callable[..., Message],
    write_privately: Callable[[], Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    attach(write(), URL)
    fetched()
    private = write_privately()
    # What is known elsewhere is not told here, and not here what becomes known there.
    assert attach(private, URL) == ({private.id: ()}, True)
    assert [due.url for due in due_now(database)] == [URL]
    assert fetched(Content("Other")) == [private.id]
    assert [preview.title for preview in shown(database, private)] == ["Other"]


def test_link_of_a_private_room_is_new_to_all_others(
    database: Database,
    write: Callable[..., Message],
    write_privately: Callable[[], Message],
    attach: Attach,
    fetched: Callable[..., list[int]],
) -> None:
    first, second = write_privately(), write_privately()
    attach(first, URL)
    fetched()
    assert attach(second, URL) == ({second.id: ()}, True)
    public = write()
    assert attach(public, URL) == ({public.id: ()}, True)
    assert len({due.id for due in due_now(database)}) == 2


def test_link_is_fetched_once_for_a_private_room(
    database: Database, write_privately: Callable[[], Message], attach: Attach, ann: UserRow
) -> None:
    message = write_privately()
    attach(message, URL)
    with database.writing() as connection:
        again = messages.create_message(connection, message.room_id, ann.id, "b", "")
    attach(again, URL)
    assert len(due_now(database)) == 1
