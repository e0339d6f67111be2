"""Statements on the driver's own cursor."""

import itertools
from typing import Any

import psycopg
import pytest
from gevent import GreenletExit
from sqlalchemy import bindparam, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from ngw2f.store.among import among
from ngw2f.store.database import Database
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import users
from ngw2f.store.users import UserRow

NAMED = Prepared(
    select(users.c.id, literal("constant"))
    .where(users.c.nickname == bindparam("nickname"))
    .order_by(users.c.id)
)
ADD = Prepared(
    insert(users).values({name: bindparam(name) for name in ("nickname", "nickname_key")})
)
RENAME = Prepared(
    update(users).where(users.c.id == bindparam("user_id")).values(nickname=bindparam("to"))
)
AMONG = Prepared(select(users.c.id).where(among(users.c.nickname, "names")).order_by(users.c.id))
AMONG_IDS = Prepared(select(users.c.id).where(among(users.c.id, "ids")).order_by(users.c.id))
IDS = Prepared(select(users.c.id).order_by(users.c.id))


def test_all_rows(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.reading() as connection:
        assert IDS.fetch(connection) == [(ann.id,), (bob.id,)]
        assert NAMED.fetch(connection, {"nickname": bob.nickname}) == [(bob.id, "constant")]
        assert NAMED.fetch(connection, {"nickname": "cleo"}) == []


def test_values_of_a_list(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.reading() as connection:
        for names in ([], [bob.nickname], ['"', "'", "ü", bob.nickname, ann.nickname]):
            wanted = [(each.id,) for each in (ann, bob) if each.nickname in names]
            assert AMONG.fetch(connection, {"names": names}) == wanted
            assert AMONG.fetch_each(connection, [{"names": names}]) == [(*wanted, None)[0]]


def test_ids_of_a_list(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.reading() as connection:
        for ids in ([], [bob.id], [bob.id, ann.id, 2**31 - 1, bob.id]):
            wanted = [(each.id,) for each in (ann, bob) if each.id in ids]
            assert AMONG_IDS.fetch(connection, {"ids": ids}) == wanted


def test_runs_once_for_each(database: Database, ann: UserRow, bob: UserRow) -> None:
    renamed = [{"user_id": ann.id, "to": "a"}, {"user_id": bob.id, "to": "b"}]
    with database.writing() as connection:
        RENAME.run_each(connection, [])
        RENAME.run_each(connection, renamed)
    with database.reading() as connection:
        names = [{"nickname": name} for name in ("a", "b")]
        rows = NAMED.fetch_each(connection, names)
    assert rows == [(ann.id, "constant"), (bob.id, "constant")]


def test_one_row_for_each_of_many(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.reading() as connection:
        names = [{"nickname": user.nickname} for user in (bob, ann, bob)]
        rows = NAMED.fetch_each(connection, names)
        assert rows == [(user.id, "constant") for user in (bob, ann, bob)]
        assert NAMED.fetch_each(connection, []) == []


def test_statement_is_of_the_connections_transaction(database: Database, ann: UserRow) -> None:
    with database.writing() as connection, database.reading() as reader:
        connection.execute(text("UPDATE users SET nickname = 'cleo'"))
        assert NAMED.fetch_each(connection, [{"nickname": "cleo"}]) == [(ann.id, "constant")]
        assert NAMED.fetch_each(reader, [{"nickname": "cleo"}]) == [None]


def test_error_is_one_of_sqlalchemys_and_quotes_nobody(database: Database) -> None:
    with pytest.raises(IntegrityError) as raised, database.writing() as connection:
        ADD.fetch_each(connection, [{"nickname": "a secret", "nickname_key": None}])
    assert "a secret" not in str(raised.value).splitlines()[-1]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_failure_of_the_database(database: Database, ann: UserRow) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP TABLE users"))
        with pytest.raises(OperationalError):
            NAMED.fetch_each(connection, [{"nickname": "ann"}])


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_connection_that_breaks_is_given_up(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.reading() as connection:
        # SQLAlchemy's own way would begin a transaction, whose end would notice.
        ((pid,),) = Prepared(text("SELECT pg_backend_pid()")).fetch(connection)
        with database.asking() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})
        with pytest.raises(OperationalError) as raised:
            IDS.fetch(connection)
    assert raised.value.connection_invalidated
    assert caplog.text == ""
    with database.reading() as connection:
        assert IDS.fetch(connection) == []


@pytest.mark.parametrize("steps", [0, 1], ids=["in a statement", "in the rollback after it"])
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_connection_is_given_up_when_its_greenlet_is_killed(
    database: Database,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:
    """The connection still waits for an answer, which nobody would read."""
    wait = psycopg.Connection.wait
    waits = itertools.count()

    def wait_until_killed(self: Any, generator: Any, *rest: Any) -> object:
        if next(waits) < steps:
            return wait(self, generator, *rest)
        next(generator)
        raise GreenletExit

    def read() -> None:
        with database.reading() as connection:
            # Its transaction begins here.
            IDS.fetch(connection)
            monkeypatch.setattr(psycopg.Connection, "wait", wait_until_killed)
            IDS.fetch(connection)

    with pytest.raises(GreenletExit):
        read()
    monkeypatch.undo()
    assert next(waits) == steps + 1
    assert caplog.text == ""
    with database.reading() as connection:
        assert IDS.fetch(connection) == []
