import pytest

from ngw2f.store import messages, own_data, rooms
from ngw2f.store.database import Database
from ngw2f.store.own_data import LISTS
from ngw2f.store.users import UserRow

SEARCHES = {
    "messages": {"user_id=? AND room_id=? AND id>?", "user_id=? AND room_id>?"},
    "reactions": {"user_id=? AND (message_id,emoji)>(?,?)"},
    "files": {"user_id=? AND rowid>?"},
    "readings": {"user_id=? AND room_id>?"},
    "mentions": {"user_id=? AND message_id>?"},
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_part_is_not_looked_for_from_the_start_of_the_list(database: Database) -> None:
    """SQLite goes by all of a place: the last part of a long list takes as long as the first."""
    with database.reading() as connection:
        for name, conditions in SEARCHES.items():
            statement = str(LISTS[name].statement.limit(1).compile(connection))
            unbound = (0,) * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", unbound).all()
            searched = " ".join(row[-1] for row in plan)
            assert all(f"({each})" in searched for each in conditions), (name, searched)


def test_messages_of_a_room_go_on_in_the_next(
    database: Database, ann: UserRow, lobby: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_data, "PART", 2)
    with database.writing() as connection:
        other = rooms.create_room(connection, "other", "other", ann.id, private=False).id
        for room_id in (other, lobby, other, lobby, lobby):
            messages.create_message(connection, room_id, ann.id, "a", "a")
    messages_of, after, ids = LISTS["messages"], LISTS["messages"].first, []
    with database.reading() as connection:
        while part := messages_of.read(connection, ann, after):
            after = messages_of.place_of(part[-1])
            ids.append([each.id for each in part])  # type: ignore[attr-defined] # OwnMessage
    assert ids == [[2, 4], [5, 1], [3]]
