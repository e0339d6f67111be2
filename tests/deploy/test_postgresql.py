"""The chat on PostgreSQL: its driver leaves gevent's loop free, and the server may restart."""

import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ngw2f.settings import Settings
from ngw2f.store.migrate import migrate
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


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="ngw2f-pg-chat-", ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)


def test_queries_leave_the_loop_free(database_url: str) -> None:
    program = [sys.executable, "-c", textwrap.dedent(COOPERATION), database_url]
    told = subprocess.run(program, capture_output=True, text=True, timeout=HANGING_SECONDS)
    # Nine wait at once, and a tenth, in the same thread, sees them and ends their wait.
    assert told.stdout == "{'QueryCanceled'}\n", told.stderr


def test_chat_flow_behind_nginx(
    directory: Path, database_url: str, valkey_url: str, redis: Redis
) -> None:
    variables = environment(directory, database_url, valkey_url)
    with (
        running_chat(directory, "a", variables) as chat,
        running_workers(variables),
        running(make_front(directory / "nginx", [chat.socket])) as client,
    ):
        with Load(client, join(client, "ann"), threads=8) as load:
            load.wait_for(200)
        assert load.failures == []
        wait_until(lambda: all(message["rendered"] for message in newest(client)))
        assert {message["id"] for message in newest(client)} == set(load.acknowledged[-200:])
        assert {message["html"] for message in newest(client)} == {"<p>hello <em>world</em></p>"}


def test_old_version_serves_while_it_migrates(
    directory: Path, database_url: str, valkey_url: str, redis: Redis
) -> None:
    variables = environment(directory, database_url, valkey_url)
    with (
        running_chat(directory, "a", variables) as chat,
        running(make_front(directory / "nginx", [chat.socket])) as client,
    ):
        with Load(client, join(client, "ann")) as load:
            for _ in range(3):
                migrate(Settings(data_dir=str(directory), database_url=database_url))
                load.wait_for(30)
        assert load.failures == []


def newest(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask("/api/messages?limit=200").json["messages"]
    return found
