"""What an account may have is bounded, also where several ask for the last one at once."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from ngw2f.store import rooms, tokens, users
from ngw2f.store.database import Database
from ngw2f.store.rooms import QuotaExceededError
from ngw2f.store.users import Credentials, UserRow
from tests.ngw2f.store.conftest import create_user

AT_ONCE = 4


def write_at_once(database: Database, write: Callable[[Connection, int], object]) -> int:
    """Have several do the same write, each in a transaction; return how many could."""
    done = []
    barrier = threading.Barrier(AT_ONCE)

    def run(number: int) -> None:
        barrier.wait(60)
        try:
            with database.writing() as connection:
                write(connection, number)
                done.append(number)
        except QuotaExceededError:
            pass

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return len(done)


def create_room(connection: Connection, name: str, user: UserRow, most: int | None = None) -> int:
    return rooms.create_room(connection, name, name, user.id, private=True, most=most).id


def test_rooms_of_an_account(database: Database, ann: UserRow, bob: UserRow) -> None:
    def create(connection: Connection, number: int) -> None:
        create_room(connection, f"room {number}", ann, most=2)

    assert write_at_once(database, create) == 2
    with database.writing() as connection:
        create_room(connection, "another's", bob, most=1)


def test_memberships_of_an_account(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.writing() as connection:
        ids = [create_room(connection, f"room {number}", ann) for number in range(AT_ONCE)]

    def admit(connection: Connection, number: int) -> None:
        rooms.admit_member(connection, ids[number], bob.id, most_rooms=2, most_members=9)

    assert write_at_once(database, admit) == 2
    with database.writing() as connection:
        # Rooms of one's own have their own quota, which nobody else can use up.
        create_room(connection, "own", bob, most=1)


def test_members_of_a_room(database: Database, ann: UserRow) -> None:
    with database.writing() as connection:
        den = create_room(connection, "den", ann)
    people = [create_user(database, f"user {number}") for number in range(AT_ONCE)]

    def admit(connection: Connection, number: int) -> None:
        rooms.admit_member(connection, den, people[number].id, most_rooms=9, most_members=3)

    assert write_at_once(database, admit) == 2
    with database.writing() as connection:
        # Who is in already may be admitted again.
        rooms.admit_member(connection, den, ann.id, most_rooms=1, most_members=1)


@pytest.mark.parametrize("are_sessions", [True, False])
def test_oldest_tokens_go(database: Database, ann: UserRow, are_sessions: bool) -> None:
    made = []

    def create(connection: Connection, _number: int) -> None:
        assert users.lock_current(connection, Credentials(ann.id, "hash"))
        made.append(tokens.create_token(connection, ann.id, 1, is_session=are_sessions))
        tokens.revoke_oldest_tokens(connection, ann.id, 2, are_sessions=are_sessions)

    with database.writing() as connection:
        other = tokens.create_token(connection, ann.id, 1, is_session=not are_sessions)
    assert write_at_once(database, create) == AT_ONCE
    with database.reading() as connection:
        good = [tokens.find_token_user(connection, token) is not None for token in made]
        assert good == [False, False, True, True]
        # A script that makes tokens without end does not sign the browser out.
        assert tokens.find_token_user(connection, other) is not None
