"""Which messages of the outbox are next."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert, text

from ngw2f.store import messages, render_queue
from ngw2f.store.database import Database
from ngw2f.store.render_queue import FRESH, next_ids
from ngw2f.store.schema import messages as table
from ngw2f.store.users import UserRow


@pytest.fixture
def post(database: Database, lobby: int) -> Callable[..., list[int]]:
    def post(user: UserRow, count: int = 1) -> list[int]:
        with database.writing() as connection:
            return [
                messages.create_message(connection, lobby, user.id, "x", "x").id
                for _ in range(count)
            ]

    return post


@pytest.fixture
def choose(database: Database, backend: str) -> Callable[..., list[int]]:
    def choose(limit: int = 10, exclude_ids: list[int] | tuple[()] = ()) -> list[int]:
        with database.writing() as connection:
            is_locking = backend != "sqlite"
            return list(
                next_ids(connection, limit, skip_locked=is_locking, exclude_ids=exclude_ids)
            )

    return choose


def fail(database: Database, *message_ids: int) -> None:
    with database.writing() as connection:
        for message_id in message_ids:
            render_queue.count_attempt(connection, message_id)


def test_authors_take_turns(
    post: Callable[..., list[int]], choose: Callable[..., list[int]], ann: UserRow, bob: UserRow
) -> None:
    first, second, third = post(ann, 3)
    fourth, fifth = post(bob, 2)
    assert choose() == [first, fourth, second, fifth, third]
    assert choose(3) == [first, fourth, second]


def test_list_is_in_that_order(
    post: Callable[..., list[int]], database: Database, ann: UserRow, bob: UserRow
) -> None:
    first, second = post(ann, 2)
    (third,) = post(bob)
    with database.writing() as connection:
        found = messages.list_unrendered(connection, 10, skip_locked=False)
    assert [message.id for _, message in found] == [first, third, second]


def test_those_that_failed_come_last_and_one_at_a_time(
    post: Callable[..., list[int]],
    choose: Callable[..., list[int]],
    database: Database,
    ann: UserRow,
    bob: UserRow,
) -> None:
    first, second, third = post(ann, 3)
    fail(database, first, first, second)
    assert choose() == [third]
    assert choose(exclude_ids=[third]) == [second]
    assert choose(exclude_ids=[third, second]) == [first]


def test_nothing_waits(choose: Callable[..., list[int]]) -> None:
    assert choose() == []


def test_rows_are_not_looked_into(
    database: Database, backend: str, lobby: int, ann: UserRow
) -> None:
    """However many wait, and whatever there was: the index has what is counted.

    The tests share a PostgreSQL whose rows are deleted, so tables and indexes are of any size. Ten
    wait among so many that reading all of them is dearer than the largest index.
    """
    row = {"room_id": lobby, "user_id": ann.id, "source": "x", "html": "", "created_at": 0}
    row |= {"updated_at": 0, "version": 1, "rendered": False}
    with database.writing() as connection:
        rows = [row | {"rendered": number > 9} for number in range(9_999)]
        connection.execute(insert(table), rows)
        connection.execute(text("ANALYZE"))
        explain = "EXPLAIN QUERY PLAN " if backend == "sqlite" else "EXPLAIN "
        statement = FRESH.limit(9).compile(connection, compile_kwargs={"literal_binds": True})
        plan = str(connection.execute(text(explain + str(statement))).all())
    assert "ix_messages_outbox" in plan
    assert "USING COVERING INDEX" in plan or backend != "sqlite"
