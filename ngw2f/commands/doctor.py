"""`ngw2f doctor`: check everything that the chat needs, and say plainly what is wrong."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ngw2f.broker.connection import Broker, connect
from ngw2f.broker.embedded import embedded_socket
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.server.descriptors import WORKER_CONNECTIONS, possible_connections
from ngw2f.server.precheck import look
from ngw2f.settings import SettingError, Settings, former_settings, unknown_variables
from ngw2f.store import render_queue
from ngw2f.store.database import Database
from ngw2f.store.file_modes import is_open_to_others, sqlite_path
from ngw2f.store.reasons import reason_of, why_no_engine
from ngw2f.store.usable import UnusableError, check_version, find_chat

TIMEOUT_SECONDS = 5.0
# With less, SQLite and the append-only file soon cannot grow.
FREE_BYTES = 1 << 30
# How much to write as a test.
TRIED_BYTES = 1 << 20
# The chat's own transactions take milliseconds.
LOCK_SECONDS = 2.0
# Events and presence compare times of several machines.
SKEW_SECONDS = 2.0
# Rendering takes milliseconds; a message that waits this long is stuck.
WAITING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of a check: "ok", "warning" or "error", the part, and a sentence."""

    level: str
    part: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.level:8}{self.part:10}{self.sentence}"


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all checks, in the order in which to fix them."""
    for check in CHECKS:
        part = check.__name__.removeprefix("check_")
        try:
            yield from check(settings)
        except SettingError as error:
            yield Finding("error", part, str(error))
        except (SQLAlchemyError, RedisError, OSError, UnicodeDecodeError) as error:
            reason = reason_of(error)
            yield Finding("error", part, f"it cannot be asked: {reason}")


def check_settings(settings: Settings) -> Iterator[Finding]:
    for name in unknown_variables():
        yield Finding("warning", "settings", f"{name} is not a setting; is it misspelt?")
    for line in former_settings():
        yield Finding("warning", "settings", line)
    if not settings.rate_limit:
        yield Finding(
            "warning",
            "settings",
            "the limits are off (rate_limit), those on guessing passwords too",
        )
    if settings.profile_dir:
        yield Finding("warning", "settings", "requests are profiled (profile_dir), which is slow")
    if settings.xray:
        yield Finding("warning", "settings", "everybody may see all requests (xray)")
    if settings.links_allow:
        yield Finding("warning", "settings", "links may reach hosts of yours (links_allow)")
    try:
        look(settings)
    except SettingError as error:
        yield Finding("error", "settings", str(error))
    environment = os.environ.get("NGW2F_ENV", "development")
    yield Finding("ok", "settings", f"read, for {environment}; data in {settings.data_path}")


def check_disk(settings: Settings) -> Iterator[Finding]:
    path = settings.data_path
    if path.exists() and not path.is_dir():
        yield Finding("error", "disk", f"{path} is not a folder; set data_dir to one")
        return
    if not path.is_dir():
        yield Finding("error", "disk", f"{path} is not there; `ngw2f migrate` makes it")
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield Finding("error", "disk", f"{path} cannot be written by this user")
        return
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(bytes(TRIED_BYTES))
    except OSError as error:
        yield Finding("error", "disk", f"{path} takes nothing more: {error.strerror}")
        return
    free = shutil.disk_usage(path).free
    sentence = f"{free / (1 << 30):.1f} GiB are free in {path}"
    if free < FREE_BYTES:
        yield Finding("error", "disk", f"only {sentence}; the database and the broker grow there")
    else:
        yield Finding("ok", "disk", sentence)


def check_limits(_settings: Settings) -> Iterator[Finding]:
    """Check the limit of descriptors of a server that is started like this command."""
    possible = possible_connections(WORKER_CONNECTIONS)
    sentence = f"a web worker that is started from here takes {possible} connections at once"
    if possible < WORKER_CONNECTIONS:
        sentence += f", not {WORKER_CONNECTIONS}; raise the hard limit (ulimit -Hn, LimitNOFILE)"
        yield Finding("warning", "limits", sentence)
    else:
        yield Finding("ok", "limits", sentence)


def check_database(settings: Settings) -> Iterator[Finding]:
    if settings.sqlalchemy_url.startswith("sqlite") and not _sqlite_exists(settings):
        yield Finding("error", "database", "there is none yet; run `ngw2f migrate`")
        return
    try:
        database = Database(settings.sqlalchemy_url)
    except (ArgumentError, ImportError, ValueError) as error:
        yield Finding("error", "database", why_no_engine(error))
        return
    try:
        with database.reading() as connection:
            try:
                find_chat(connection)
                newest = check_version(connection)
            except UnusableError as error:
                yield Finding("error", "database", str(error))
                return
            name = connection.dialect.name
            yield Finding("ok", "database", f"{name}, with the newest schema ({newest})")
            if render_queue.has_waiting(connection, time.time() - WAITING_SECONDS):
                sentence = f"messages wait to be rendered for more than {WAITING_SECONDS:.0f} s"
                yield Finding("error", "workers", sentence)
            if name == "sqlite":
                yield from _find_lock(settings)
                yield from _find_readers(settings)
            else:
                statement = text("SELECT extract(epoch FROM clock_timestamp())")
                yield _clock(
                    "PostgreSQL", lambda: float(connection.execute(statement).scalar_one())
                )
    finally:
        database.close()


def _find_lock(settings: Settings) -> Iterator[Finding]:
    """Find another program that holds the write lock."""
    with closing(sqlite3.connect(_sqlite_path(settings), LOCK_SECONDS)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            sentence = f"nothing can be written: {error}"
            if "locked" in str(error):
                sentence = f"another program has held its lock for {LOCK_SECONDS:.0f} s; posts fail"
            yield Finding("error", "database", sentence)


def check_broker(settings: Settings) -> Iterator[Finding]:
    if settings.is_embedded and not embedded_socket(settings.data_path).exists():
        sentence = "the embedded one is not running; it does while the server does"
        yield Finding("error", "broker", sentence)
        return
    with connect(settings, TIMEOUT_SECONDS) as redis:
        about = cast(dict[str, object], redis.info())
        version = about.get("valkey_version") or about.get("redis_version")
        yield Finding("ok", "broker", f"version {version} answers")
        policy = about.get("maxmemory_policy")
        if policy != "noeviction":
            sentence = f"maxmemory-policy is {policy}; under pressure it throws queues and"
            yield Finding("error", "broker", f"{sentence} events out; set noeviction")
        try:
            redis.set(f"{settings.redis_prefix}doctor", 1, ex=1)
        except ResponseError as error:
            # Its memory or disk is full, or it is a replica.
            yield Finding("error", "broker", f"it takes no changes: {error}")
        if not about.get("aof_enabled"):
            sentence = "it forgets all at a restart (appendonly no): presence, limits, counters"
            yield Finding("warning", "broker", sentence)
        yield _clock("the broker", lambda: _redis_time(redis))


def check_workers(settings: Settings) -> Iterator[Finding]:
    broker = Broker(settings)
    heartbeats = Heartbeats(broker)
    try:
        for queue in QUEUES:
            count = heartbeats.count(queue)
            if count:
                yield Finding("ok", "workers", f"{count} for {queue}")
            else:
                sentence = f"none is there for {queue}, which nobody works on; run `ngw2f worker`"
                yield Finding("error", "workers", sentence)
    except RedisError:
        yield Finding("warning", "workers", "only the broker knows which are there")
    finally:
        broker.close()


CHECKS: tuple[Check, ...] = (
    check_settings,
    check_disk,
    check_limits,
    check_database,
    check_broker,
    check_workers,
)


def _sqlite_exists(settings: Settings) -> bool:
    return os.path.exists(_sqlite_path(settings))


def _sqlite_path(settings: Settings) -> str:
    return str(sqlite_path(settings.sqlalchemy_url) or "")


def _find_readers(settings: Settings) -> Iterator[Finding]:
    """Find files that others may read; those of new databases belong to their owner alone."""
    database = Path(_sqlite_path(settings))
    files = [database, *(database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm"))]
    opened = [file for file in files if file.exists() and is_open_to_others(file)]
    if opened:
        names = " ".join(quote(str(file)) for file in opened)
        sentence = f"others on this machine may open it; run `chmod 600 {names}`"
        yield Finding("warning", "database", sentence)


def _redis_time(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return seconds + microseconds / 1_000_000


def _clock(whose: str, ask: Callable[[], float]) -> Finding:
    """Compare a clock with ours, allowing for the time that its answer took."""
    before = time.time()
    seconds = ask()
    ahead, behind = seconds - time.time(), before - seconds
    skew = max(ahead, behind, 0.0)
    if skew > SKEW_SECONDS:
        sentence = f"{whose} is {skew:.1f} s {'ahead' if ahead > behind else 'behind'}; run NTP"
        return Finding("error", "clock", sentence)
    return Finding("ok", "clock", f"as that of {whose}, to {-min(ahead, behind) * 1000:.0f} ms")
