"""The chat on PostgreSQL: its driver leaves gevent's loop free, and the server may restart."""

import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ngw2f.settings import Settings
from ngw2f.store.migrate import migrate
from tests.databases import LentDatabase
from tests.deploy.chats import Load, environment, join, running_chat, running_workers
from tests.nginx.running import Client, make_front, running
from tests.waiting import HANGING_SECONDS, wait_until

# What a gunicorn worker does, in its order: patch, then import the driver.
COOPERATION = """
    from gevent import monkey
    monkey.patch_all()
    import sys
    import gevent
    from sqlalchemy import text
    from ngw2f.store.database import Database

    database = Database(sys.argv[1], connections=10)
    SLEEPING = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"

    def sleep():
        with database.asking() as connection:
            connection.execute(text("SELECT pg_sleep(600)"))

    def ask(query):
        with database.asking() as connection:
            return connection.execute(text(query)).scalar()

    sleepers = [gevent.spawn(sleep) for _ in range(9)]
    while ask("SELECT count(*) " + SLEEPING) < len(sleepers):
        gevent.sleep(0.01)
    ask("SELECT count(pg_cancel_backend(pid)) " + SLEEPING)
    gevent.joinall(sleepers)
    print({type(sleeper.exception.orig).__name__ for sleeper in sleepers})
"""


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture(scope="module")
def chat(
    lent_database: LentDatabase, valkey_url: str
) -> Iterator[tuple[Client, Mapping[str, str], Settings]]:
    """Give a client of a chat behind nginx, the chat's variables, and settings of its database."""
    with tempfile.TemporaryDirectory(
        prefix="ngw2f-pg-chat-", ignore_cleanup_errors=True
    ) as directory:
        variables = environment(Path(directory), lent_database.url, valkey_url)
        variables["NGW2F_REDIS_PREFIX"] = f"{uuid4()}:"
        with (
            running_chat(Path(directory), "a", variables) as chat,
            running(make_front(Path(directory) / "nginx", [chat.socket])) as client,
        ):
            yield client, variables, Settings(data_dir=directory, database_url=lent_database.url)
    lent_database.clean()


def test_queries_leave_the_loop_free(database_url: str) -> None:
    program = [sys.executable, "-c", textwrap.dedent(COOPERATION), database_url]
    told = subprocess.run(program, capture_output=True, text=True, timeout=HANGING_SECONDS)
    # Nine wait at once, and a tenth, in the same thread, sees them and ends their wait.
    assert told.stdout == "{'QueryCanceled'}\n", told.stderr


def test_chat_flow_behind_nginx(chat: tuple[Client, Mapping[str, str], Settings]) -> None:
    client, variables, _ = chat
    with running_workers(variables):
        with Load(client, join(client, "ann"), threads=8) as load:
            load.wait_for(200)
        assert load.failures == []
        first = min(load.acknowledged)
        wait_until(lambda: all(message["rendered"] for message in newest(client, first)))
        found = newest(client, first)
        assert {message["id"] for message in found} == set(load.acknowledged[-200:])
        assert {message["html"] for message in found} == {"<p>hello <em>world</em></p>"}


def test_old_version_serves_while_it_migrates(
    chat: tuple[Client, Mapping[str, str], Settings],
) -> None:
    client, _, settings = chat
    with Load(client, join(client, "bob")) as load:
        for _ in range(3):
            migrate(settings)
            load.wait_for(30)
    assert load.failures == []


def newest(client: Client, first: int) -> list[dict[str, Any]]:
    """Return at most 200 messages, none of them before the *first*."""
    found: list[dict[str, Any]] = client.ask("/api/messages?limit=200").json["messages"]
    return [message for message in found if message["id"] >= first]
