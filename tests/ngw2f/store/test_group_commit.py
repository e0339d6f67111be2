"""Who commits together, and what each is told."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from middleware.xray import record
from ngw2f.observe.tracing import following
from ngw2f.store import database as module
from ngw2f.store import users
from ngw2f.store.database import CommitLostError, Database, DatabaseBusyError
from ngw2f.store.group_commit import GroupCommit
from tests.waiting import wait_until

Work = Callable[[Connection], str]
NAMES = ["bob", "cleo", "dora", "eve"]

# Greenlets are killed so many turns of the event loop after the leader goes on.
KILLED_UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import contextlib, time
import gevent, gevent.event
from ngw2f.store import group_commit

group_commit.take_turn = lambda connection: None

class Database:
    @contextlib.contextmanager
    def writing(self):
        gate.wait()
        yield
        time.sleep(0)

def store(connection, items):
    (only,) = items  # More than one are refused, so each is stored alone.
    return [only], None

for turns in range(16):
    gate = gevent.event.Event()
    commit = group_commit.GroupCommit(Database(), store, lambda news: time.sleep(0))
    writers = [gevent.spawn(commit.ask, number) for number in range(9)]
    for _ in range(3):
        gevent.sleep(0)
    gate.set()
    for _ in range(turns):
        gevent.sleep(0)
    for writer in writers[1:5]:
        writer.kill(block=False)
        gevent.sleep(0)
    gevent.joinall(writers, timeout=60)
    values = [writer.value for writer in writers]
    assert [values[0], *values[5:]] == [0, 5, 6, 7, 8], (turns, values)
    assert not commit._waiting and not commit._leading.locked()

    gate = gevent.event.Event()
    commit = group_commit.GroupCommit(Database(), store, lambda news: time.sleep(0))
    leader, other = gevent.spawn(commit.ask, 0), gevent.spawn(commit.ask, 1)
    for _ in range(3):
        gevent.sleep(0)
    leader.kill(block=False)
    gate.set()
    other.join(timeout=60)
    assert other.value == 1, turns
"""


class Writers:
    """Threads that write at the same time, and what came of each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.commit = GroupCommit[Work, str, list[str]](database, self._store, self._publish)
        self.stored_together: list[list[str]] = []
        self.published: list[list[str]] = []
        self.outcomes: dict[str, Any] = {}

    def _store(self, connection: Connection, works: Sequence[Work]) -> tuple[list[str], list[str]]:
        names = [work(connection) for work in works]
        self.stored_together.append(sorted(names))
        return names, sorted(names)

    def _publish(self, names: list[str]) -> None:
        assert set(names) <= set(self.stored())
        self.published.append(names)

    def stored(self) -> list[str]:
        with self.database.reading() as connection:
            return sorted(user.nickname for user in users.list_users(connection))

    def run(self, works: dict[str, Work]) -> None:
        """Let ann write, and the others come while she does: they are the second group."""
        are_there = threading.Event()

        def hold(connection: Connection) -> str:
            assert are_there.wait(60)
            return create("ann")(connection)

        threads = [threading.Thread(target=self._write, args=("ann", hold))]
        threads[0].start()
        assert wait_until(lambda: self.commit._leading.locked() and not self.commit._waiting)
        for name, work in works.items():
            threads.append(threading.Thread(target=self._write, args=(name, work)))
            threads[-1].start()
        assert wait_until(lambda: len(self.commit._waiting) == len(works))
        are_there.set()
        for thread in threads:
            thread.join(60)

    def _write(self, name: str, work: Work) -> None:
        try:
            self.outcomes[name] = self.commit.ask(work)
        except BaseException as error:
            self.outcomes[name] = error


@pytest.fixture
def writers(database: Database) -> Writers:
    return Writers(database)


def create(name: str) -> Work:
    def work(connection: Connection) -> str:
        return users.create_user(connection, name, name, "hash").nickname

    return work


def fail(error: BaseException) -> Work:
    def work(connection: Connection) -> str:
        create("nobody")(connection)
        raise error

    return work


def test_who_waits_shares_a_commit(writers: Writers) -> None:
    writers.run({name: create(name) for name in NAMES})
    assert writers.stored_together == writers.published == [["ann"], NAMES]
    assert writers.outcomes == {name: name for name in ["ann", *NAMES]}
    assert writers.stored() == ["ann", *NAMES]


def test_failure_of_one_harms_no_other(writers: Writers) -> None:
    error = ZeroDivisionError()
    writers.run({name: create(name) for name in NAMES} | {"cleo": fail(error)})
    assert writers.outcomes.pop("cleo") is error
    assert writers.outcomes == {name: name for name in ["ann", "bob", "dora", "eve"]}
    assert writers.stored() == ["ann", "bob", "dora", "eve"]
    assert sorted(writers.published) == [["ann"], ["bob"], ["dora"], ["eve"]]


def test_nobody_waits_for_others_once_settled(writers: Writers) -> None:
    """One of the first two leads; the other one goes on while the third is stored."""
    has_failed = threading.Event()
    waited: list[bool] = []

    def fail_once(connection: Connection) -> str:
        if not has_failed.is_set():
            has_failed.set()
            raise ZeroDivisionError
        return create("cleo")(connection)

    def wait_for_others(connection: Connection) -> str:
        waited.append(bool(wait_until(lambda: {"bob", "cleo"} & writers.outcomes.keys(), 30)))
        return create("dora")(connection)

    writers.run({"bob": create("bob"), "cleo": fail_once, "dora": wait_for_others})
    assert waited == [True]
    assert writers.stored() == ["ann", "bob", "cleo", "dora"]


def test_failure_of_the_database_is_everybodys(writers: Writers) -> None:
    error = OperationalError("INSERT", None, sqlite3.OperationalError("no space"))
    writers.run({name: create(name) for name in NAMES} | {"cleo": fail(error)})
    assert writers.outcomes == {"ann": "ann"} | dict.fromkeys(NAMES, error)
    assert writers.stored() == ["ann"]


def test_lost_commit_is_told_to_all_and_not_repeated(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = module._commit

    def commit_and_lose(connection: Connection) -> None:
        commit(connection)
        if len(writers.stored_together) > 1:
            raise CommitLostError("COMMIT", None, sqlite3.OperationalError("lost"))

    monkeypatch.setattr(module, "_commit", commit_and_lose)
    writers.run({name: create(name) for name in NAMES})
    assert all(isinstance(writers.outcomes[name], CommitLostError) for name in NAMES)
    assert writers.stored_together == [["ann"], NAMES]
    assert writers.published == [["ann"]]
    assert writers.stored() == ["ann", *NAMES]


def test_leader_that_is_killed_leaves_nobody_waiting(writers: Writers) -> None:
    writers.run({name: create(name) for name in NAMES} | {"cleo": fail(SystemExit())})
    kinds = sorted(type(writers.outcomes[name]).__name__ for name in NAMES)
    assert kinds == ["CommitLostError"] * 3 + ["SystemExit"]
    assert writers.commit.ask(create("fred")) == "fred"
    assert writers.stored() == ["ann", "fred"]


def test_greenlet_that_is_killed_harms_no_other() -> None:
    script = [sys.executable, "-W", "ignore", "-c", KILLED_UNDER_GEVENT]
    subprocess.run(script, check=True, timeout=120)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_nobody_waits_twice_for_a_locked_database(
    writers: Writers, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings.data_path / "chat.sqlite3"
    begin = module._begin_immediate
    tries = []
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:

        def begin_later(connection: Connection) -> None:
            tries.append(connection)
            if len(tries) == 2:  # The second group finds another process there.
                other.execute("BEGIN IMMEDIATE")
                monkeypatch.setattr(module, "LOCK_TIMEOUT_SECONDS", 0.0)
            begin(connection)

        monkeypatch.setattr(module, "_begin_immediate", begin_later)
        writers.run({name: create(name) for name in NAMES})
    assert all(isinstance(writers.outcomes[name], DatabaseBusyError) for name in NAMES)
    assert len(tries) == 2
    assert writers.stored() == ["ann"]


class Gated:
    """A database in which writers wait until it is open."""

    def __init__(self) -> None:
        self.is_open = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.is_open.wait()
        yield


def test_leader_says_whose_work_its_trace_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngw2f.store.group_commit.take_turn", lambda connection: None)
    database: Any = Gated()
    commit: GroupCommit[str, str, None] = GroupCommit(
        database, lambda connection, items: (items, None), lambda news: None
    )

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        with following(environ["REQUEST_ID"]):
            commit.ask(environ["REQUEST_ID"])
        start_response("200 OK", [])
        return []

    recorded = record(app)

    def ask(name: str) -> threading.Thread:
        environ = {"REQUEST_METHOD": "POST", "REQUEST_ID": name}
        thread = threading.Thread(target=recorded, args=(environ, lambda *start: print))
        thread.start()
        return thread

    threads = [ask("leader")]
    wait_until(commit._leading.locked)
    threads.append(ask("other"))
    wait_until(lambda: len(commit._waiting) == 2)
    database.is_open.set()
    for thread in threads:
        thread.join()
    spans = {trace.environ["REQUEST_ID"]: trace.spans for trace in recorded.traces}
    (led,), (waited,) = spans["leader"], spans["other"]
    assert (led.detail, led.facts) == ("for all who wait", {"writes": "2", "others": "other"})
    assert waited.text.startswith("commit by another request, with its own ")
    assert waited.facts == {"request_id": "leader"}
