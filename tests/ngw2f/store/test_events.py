import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from ngw2f.live.entry import INTERNAL
from ngw2f.live.payloads import decode_revocation
from ngw2f.settings import Settings
from ngw2f.store import events, schema
from ngw2f.store.database import Database
from ngw2f.store.events import NewEvent
from ngw2f.store.migrate import migrate


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    settings = Settings(data_dir=str(tmp_path))
    migrate(settings)
    database = Database(settings.sqlalchemy_url)
    yield database
    database.close()


def add(store: Database, count: int) -> list[int]:
    with store.writing() as connection:
        new = [NewEvent("typing", f'{{"n":{number}}}') for number in range(count)]
        return [event.id for event in events.add_events(connection, new).events]


def test_ids_grow_from_the_clock(store: Database) -> None:
    before = time.time() * 1000 - 1
    ids = add(store, 3)
    assert before <= ids[0] <= time.time() * 1000
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]


def test_ids_grow_while_the_clock_stands(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000)
    assert [*add(store, 2), *add(store, 2)] == [5, 6, 7, 8]


def test_run_names_what_it_follows(store: Database) -> None:
    last = add(store, 2)[-1]
    with store.writing() as connection:
        run = events.add_events(connection, [NewEvent("typing", "{}", 4)])
    assert run.previous_id == last
    assert run.events[0].room_id == 4


def test_what_is_for_one_user_is_for_no_client_of_a_release_before(store: Database) -> None:
    """It reads rows when the stream has gaps, and no user in them; it shows nobody this name."""
    mine = NewEvent("unread.updated", '{"room_id":4,"user_id":7,"unread":1}', 4, 7)
    with store.writing() as connection:
        run = events.add_events(connection, [mine])
        row = connection.execute(select(schema.events.c.name, schema.events.c.data)).one()
    assert row.name in INTERNAL
    assert decode_revocation(row.data).user_id == 7
    with store.reading() as connection:
        assert events.list_events(connection, 0, 10).events == run.events
        assert events.list_newest(connection, 10, 1000).events == run.events
    assert run.events[0].name == "unread.updated"


def test_nothing_stored_when_the_change_is_not(store: Database) -> None:
    with contextlib.suppress(RuntimeError), store.writing() as connection:
        events.add_events(connection, [NewEvent("typing", "{}")])
        raise RuntimeError
    with store.reading() as connection:
        assert events.last_id(connection) == 0


def test_no_events_are_no_row(store: Database) -> None:
    with store.writing() as connection:
        assert not events.add_events(connection, []).events


def test_list_goes_on_after_an_id(store: Database) -> None:
    ids = add(store, 5)
    with store.reading() as connection:
        run = events.list_events(connection, ids[1], 2)
    assert [event.id for event in run.events] == ids[2:4]
    assert run.previous_id == ids[1]


def test_nothing_is_too_old_at_first(store: Database) -> None:
    add(store, 3)
    with store.reading() as connection:
        assert events.oldest_cursor(connection, 3) == 0


def test_old_events_are_deleted_but_the_cursor(store: Database) -> None:
    ids = add(store, 10)
    with store.writing() as connection:
        assert events.delete_old_events(connection, 4) == 5
        assert events.oldest_cursor(connection, 4) == ids[5]
        assert [event.id for event in events.list_events(connection, ids[5], 9).events] == ids[6:]


def add_large(store: Database, sizes: Iterable[int]) -> list[int]:
    with store.writing() as connection:
        new = [NewEvent("typing", "x" * size) for size in sizes]
        return [event.id for event in events.add_events(connection, new).events]


@pytest.mark.parametrize(
    ("max_bytes", "count"), [(1, 1), (99, 1), (250, 2), (2_000, 20), (10**6, 40)]
)
def test_list_is_bounded_in_bytes(store: Database, max_bytes: int, count: int) -> None:
    ids = add_large(store, [100] * 40)
    with store.reading() as connection:
        run = events.list_events(connection, 0, 100, max_bytes)
        newest = events.list_newest(connection, 100, max_bytes)
    assert [event.id for event in run.events] == ids[:count]
    assert [event.id for event in newest.events] == ids[-count:]
    assert newest.previous_id == (ids[-count - 1] if count < 40 else 0)


def test_bytes_are_counted_not_characters(store: Database) -> None:
    with store.writing() as connection:
        events.add_events(connection, [NewEvent("typing", "\N{GRINNING FACE}" * 25)] * 3)
    with store.reading() as connection:
        assert len(events.list_events(connection, 0, 100, 250).events) == 2


def test_list_of_rows_that_differ_is_whole(store: Database) -> None:
    ids = add_large(store, [1, 5_000, 1, 1, 9_000, 20, 400] * 20)
    found: list[int] = []
    with store.reading() as connection:
        while page := events.list_events(connection, found[-1] if found else 0, 50, 10_000).events:
            found += [event.id for event in page]
    assert found == ids
