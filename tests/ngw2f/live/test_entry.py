import pytest

from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.formats import JSONLines, ServerSentEvents


@pytest.mark.parametrize(
    ("text", "entry_id"),
    [
        ("1-2", EntryId(1, 2)),
        ("17", EntryId(17, 0)),
        (" 17-0 ", EntryId(17)),
        ("", None),
        ("-1", None),
        ("1-", None),
        ("1-2-3", None),
        ("٣", None),
        ("9" * 21, None),
    ],
)
def test_ids_are_parsed(text: str, entry_id: EntryId | None) -> None:
    assert EntryId.parse(text) == entry_id


def test_ids_are_ordered_as_numbers() -> None:
    assert EntryId(9, 9) < EntryId(10, 0) < EntryId(10, 2) < EntryId(10, 11)


def test_id_is_written_as_redis_does() -> None:
    assert str(EntryId(1763717000123, 4)) == "1763717000123-4"


def test_before_all_ids_is_written_as_the_first() -> None:
    assert str(EntryId(0, -1)) == "0-0"


def test_entry_comes_from_fields() -> None:
    entry = Entry.of_fields(b"5-1", {b"event": b"typing", b"data": b"{}", b"room": b"3"})
    assert entry is not None
    assert (entry.id, entry.name, entry.data, entry.room_id) == (EntryId(5, 1), "typing", b"{}", 3)


def test_entry_without_room_is_for_all() -> None:
    entry = Entry.of_fields(b"5-1", {b"event": b"user.updated", b"data": b"{}", b"room": b""})
    assert entry is not None
    assert entry.room_id is None


def test_entry_for_one_user_is_none_for_older_releases() -> None:
    """They would show it to all: its name is where they do not look."""
    fields = {b"personal": b"unread.updated", b"data": b"{}", b"room": b"3", b"user": b"7"}
    entry = Entry.of_fields(b"5-0", fields)
    assert entry is not None
    assert (entry.name, entry.room_id, entry.user_id) == ("unread.updated", 3, 7)
    assert b"event" not in fields


def test_strange_entries_are_none_of_ours() -> None:
    assert Entry.of_fields(b"5-1", {b"hello": b"world"}) is None


def test_frame_is_made_once() -> None:
    entry = Entry(EntryId(1), "typing", b"{}", 1)
    assert entry.frame(ServerSentEvents()) is entry.frame(ServerSentEvents())


def test_forms_do_not_share_frames() -> None:
    entry = Entry(EntryId(1), "typing", b"{}", 1)
    assert entry.frame(ServerSentEvents()) != entry.frame(JSONLines())
