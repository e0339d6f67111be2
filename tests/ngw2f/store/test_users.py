import time

import pytest

from ngw2f.api_resources import User
from ngw2f.store import users
from ngw2f.store.database import Database
from ngw2f.store.users import NicknameTakenError, UserRow


def test_created_user_is_found(database: Database, ann: UserRow) -> None:
    with database.reading() as connection:
        assert users.find_user(connection, ann.id) == ann


def test_unknown_user_is_none(database: Database) -> None:
    with database.reading() as connection:
        assert users.find_user(connection, 404) is None
        assert users.find_credentials(connection, "nobody") is None
        assert users.find_credentials(connection, "no\0body") is None


def test_credentials_by_key(database: Database, ann: UserRow) -> None:
    with database.reading() as connection:
        credentials = users.find_credentials(connection, "ann")
    assert credentials is not None
    assert (credentials.user_id, credentials.password_hash) == (ann.id, "hash")


def test_same_key_is_taken(database: Database, ann: UserRow) -> None:
    with pytest.raises(NicknameTakenError), database.writing() as connection:
        users.create_user(connection, "ANN", "ann", "other")
    with database.reading() as connection:
        assert [user.nickname for user in users.list_users(connection)] == ["Ann"]


def test_users_in_order_of_ids(database: Database, bob: UserRow, ann: UserRow) -> None:
    """A name may be changed between two pages; nobody is missed or comes twice for it."""
    with database.reading() as connection:
        assert users.list_users(connection) == [bob, ann]
        assert users.list_users(connection, after=bob.id) == [ann]
        assert users.list_users(connection, limit=1) == [bob]
        assert users.list_users(connection, among=[ann.id]) == [ann]


def test_users_updated_since(database: Database, ann: UserRow, bob: UserRow) -> None:
    now = time.time()
    with database.writing() as connection:
        users.change_user(connection, bob.id, nickname="Rob", nickname_key="rob")
    with database.reading() as connection:
        assert [user.nickname for user in users.list_users(connection, now)] == ["Rob"]


def test_change_to_taken_nickname(database: Database, ann: UserRow, bob: UserRow) -> None:
    with pytest.raises(NicknameTakenError), database.writing() as connection:
        users.change_user(connection, bob.id, nickname="ann", nickname_key="ann")
    with database.reading() as connection:
        assert users.find_user(connection, bob.id) == bob


def test_nicknames_of_some(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.reading() as connection:
        assert users.nicknames_of(connection, {bob.id, 404}) == {bob.id: "Bob"}
        assert users.nicknames_of(connection, set()) == {}


def test_last_seen_is_no_update(database: Database, ann: UserRow) -> None:
    with database.writing() as connection:
        users.set_last_seen(connection, ann.id, ann.last_seen_at + 60)
    with database.reading() as connection:
        found = users.find_user(connection, ann.id)
    assert found is not None
    assert found.last_seen_at == ann.last_seen_at + 60
    assert found.updated_at == ann.updated_at


def test_password_that_was_checked_is_current_until_it_is_changed(
    database: Database, ann: UserRow
) -> None:
    with database.reading() as connection:
        known = users.find_credentials_of(connection, ann.id)
        assert known == users.find_credentials(connection, "ann")
        assert users.find_credentials_of(connection, ann.id + 1) is None
    assert known is not None
    with database.writing() as connection:
        assert users.lock_current(connection, known)
        assert users.replace_password_hash(connection, known, "new")
        assert not users.lock_current(connection, known)
        assert not users.replace_password_hash(connection, known, "newer")


def test_resource_of_a_row() -> None:
    user = UserRow(7, "Ann", 1.0, 2.0, 3.0).as_resource(online=True)
    assert user == User.of(7, "Ann", 1.0, 2.0, 3.0, online=True)
