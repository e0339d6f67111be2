"""Each process is killed in the middle of a group of posts.

The test holds the database's lock until the posts wait for it together, and kills while they are
stored. Each that was answered 201 is there; each other is there whole, with its event, or not at
all.
"""

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import create_engine, select, text

from examples.transcript.machine import free_port
from ngw2f.settings import Settings
from ngw2f.store import tokens, users
from ngw2f.store.database import Database
from ngw2f.store.order import ADVISORY_LOCK
from ngw2f.store.schema import events, messages
from tests.deploy.chats import Chat, Workers, started
from tests.entries import entries_of
from tests.live.server import RedisServer
from tests.migrated import copy_migrated
from tests.postgresql import running_postgresql
from tests.processes import children_of
from tests.waiting import wait_until

POSTS = 24
# The kill comes so long after the lock is let go: before the commit, in it, or after it.
DELAYS = (0.0, 0.002, 0.006, 0.015)
GATHER_SECONDS = 0.3

pytestmark = pytest.mark.slow


@dataclass
class Scene:
    """A chat with all that it stands on, and what its clients were told."""

    chat: Chat
    workers: Workers
    redis: RedisServer
    database: Database
    token: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    # Source by source, the status or the error.
    refused: dict[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def posting(self, act: str) -> Iterator[None]:
        """Send posts at the same time; at the end of the block wait for their answers."""
        sources = [f"{act}, *{number}*" for number in range(POSTS)]
        threads = [threading.Thread(target=self._post, args=[source]) for source in sources]
        for thread in threads:
            thread.start()
        time.sleep(GATHER_SECONDS)
        try:
            yield
        finally:
            for thread in threads:
                thread.join()

    def _post(self, source: str) -> None:
        host, port = self.chat.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=90)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            body = json.dumps({"source": source})
            connection.request("POST", "/api/messages", body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.refused[source] = repr(error)
        else:
            if response.status == 201:
                self.acknowledged[source] = json.loads(content)["id"]
            else:
                self.refused[source] = f"{response.status} {content.decode()}"
        finally:
            connection.close()

    def kill_web_worker(self) -> None:
        old = children_of(self.chat.pid)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: set(children_of(self.chat.pid)) - set(old) and self.answers())

    def answers(self) -> bool:
        host, port = self.chat.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False

    def check(self) -> None:
        """Check that nothing is lost, and that everything is whole, told and rendered."""
        with self.database.reading() as connection:
            stored = dict(connection.execute(select(messages.c.source, messages.c.id)).all())
            created = select(events.c.id, events.c.data).where(events.c.name == "message.created")
            told = {json.loads(data)["id"]: id_ for id_, data in connection.execute(created)}
        assert self.acknowledged.items() <= stored.items()
        assert set(stored) <= {*self.acknowledged, *self.refused}
        assert set(stored.values()) == set(told)
        with Redis.from_url(self.redis.url) as redis:
            wait_until(lambda: set(told.values()) <= _ids_in_the_stream(redis))
        wait_until(self.is_all_rendered)

    def is_all_rendered(self) -> bool:
        with self.database.reading() as connection:
            waiting = select(messages.c.id).where(~messages.c.rendered)
            return connection.execute(waiting.limit(1)).first() is None


def _ids_in_the_stream(redis: Redis) -> set[int]:
    entries = entries_of(redis, "ngw2f:events")
    return {int(entry_id.partition(b"-")[0]) for entry_id, _ in entries}


@contextlib.contextmanager
def running_scene(directory: Path, url: str) -> Iterator[Scene]:
    redis = RedisServer(directory)
    redis.start()
    if not url:
        copy_migrated(directory)
    environment = {
        **os.environ,
        "NGW2F_DATA_DIR": str(directory),
        "NGW2F_DATABASE_URL": url,
        "NGW2F_REDIS_URL": redis.url,
        "NGW2F_RATE_LIMIT": "false",
        "NGW2F_LOG_LEVEL": "WARNING",
    }
    address = f"127.0.0.1:{free_port()}"
    workers = Workers(environment)
    try:
        with started(Chat(directory, "chat", environment, address=address)) as chat:
            workers.start()
            settings = Settings(data_dir=str(directory), database_url=url)
            database = Database(settings.sqlalchemy_url)
            with database.writing() as connection:
                ann = users.create_user(connection, "ann", "ann", "none")
                token = tokens.create_token(connection, ann.id, 1)
            yield Scene(chat, workers, redis, database, token)
            database.close()
            workers.stop()
    finally:
        redis.stop()


@pytest.fixture(scope="module")
def sqlite_scene() -> Iterator[Scene]:
    prefix = "ngw2f-group-"
    with (
        tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as directory,
        running_scene(Path(directory), "") as scene,
    ):
        yield scene


@contextlib.contextmanager
def database_held(scene: Scene) -> Iterator[Callable[[], object]]:
    """Hold SQLite's write lock; give what lets it go."""
    path = scene.chat.directory / "chat.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        wait_until(lambda: _begin(other))
        yield other.rollback


def _begin(connection: sqlite3.Connection) -> bool:
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("BEGIN IMMEDIATE")
        return True
    return False


def test_web_worker(sqlite_scene: Scene) -> None:
    for delay in DELAYS:
        name = f"web worker {delay}"
        with database_held(sqlite_scene) as let_go, sqlite_scene.posting(name):
            let_go()
            time.sleep(delay)
            sqlite_scene.kill_web_worker()
    sqlite_scene.check()


def test_render_worker(sqlite_scene: Scene) -> None:
    with database_held(sqlite_scene) as let_go, sqlite_scene.posting("render worker"):
        let_go()
        sqlite_scene.workers.kill()
    sqlite_scene.workers.start()
    assert not [each for each in sqlite_scene.refused if each.startswith("render")]
    sqlite_scene.check()


def test_redis(sqlite_scene: Scene) -> None:
    with database_held(sqlite_scene) as let_go, sqlite_scene.posting("redis"):
        let_go()
        sqlite_scene.redis.stop()
    assert not [each for each in sqlite_scene.refused if each.startswith("redis")]
    sqlite_scene.redis.start()
    sqlite_scene.check()


def test_connection_to_postgresql() -> None:
    prefix = "ngw2f-group-"
    with (
        tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as directory,
        running_postgresql() as server,
        running_scene(Path(directory), server.url) as scene,
    ):
        # In one transaction, pg_stat_activity would say each time what it said first.
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as other:
            other.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
            with scene.posting("connection"):
                waiting = "FROM pg_stat_activity WHERE wait_event = 'advisory'"
                wait_until(lambda: other.execute(text(f"SELECT pid {waiting}")).all())
                other.execute(text(f"SELECT pg_terminate_backend(pid) {waiting}"))
                other.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
        engine.dispose()
        # Those of the group whose connection was ended; others may have come after it.
        assert scene.refused
        assert all(each.startswith("503") for each in scene.refused.values()), scene.refused
        with scene.posting("afterwards"):
            pass
        scene.check()
