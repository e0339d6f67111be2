from sqlalchemy import select

from ngw2f.store import tokens
from ngw2f.store.database import Database
from ngw2f.store.schema import tokens as table
from ngw2f.store.users import UserRow


def create(database: Database, user: UserRow, days: float = 1.0) -> str:
    with database.writing() as connection:
        return tokens.create_token(connection, user.id, days)


def owner(database: Database, token: str) -> UserRow | None:
    with database.reading() as connection:
        return tokens.find_token_user(connection, token)


def test_token_finds_its_user(database: Database, ann: UserRow, bob: UserRow) -> None:
    assert owner(database, create(database, ann)) == ann
    assert owner(database, create(database, bob)) == bob


def test_unknown_token_is_nobodys(database: Database, ann: UserRow) -> None:
    create(database, ann)
    assert owner(database, "") is None
    assert owner(database, "é\N{SNOWMAN}") is None


def test_token_is_not_stored(database: Database, ann: UserRow) -> None:
    token = create(database, ann)
    with database.reading() as connection:
        (digest,) = connection.execute(select(table.c.digest)).scalars()
    assert len(digest) == 32
    assert token.encode() not in digest


def test_expired_token_is_nobodys(database: Database, ann: UserRow) -> None:
    assert owner(database, create(database, ann, days=-1e-6)) is None


def test_revoke_one_of_several(database: Database, ann: UserRow) -> None:
    first, second = create(database, ann), create(database, ann)
    with database.writing() as connection:
        tokens.revoke_token(connection, first)
    assert owner(database, first) is None
    assert owner(database, second) == ann


def test_revoke_all_but_one(database: Database, ann: UserRow, bob: UserRow) -> None:
    kept, other, bobs = create(database, ann), create(database, ann), create(database, bob)
    with database.writing() as connection:
        tokens.revoke_tokens_of(connection, ann.id, keep=kept)
    assert owner(database, other) is None
    assert (owner(database, kept), owner(database, bobs)) == (ann, bob)


def test_delete_expired_alone(database: Database, ann: UserRow) -> None:
    create(database, ann, days=-1)
    good = create(database, ann)
    with database.writing() as connection:
        assert tokens.delete_expired_tokens(connection) == 1
    assert owner(database, good) == ann
