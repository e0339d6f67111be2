"""`ngw2f doctor`: look at all that the chat needs, and say in plain words what is wrong."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.broker import connect
from ngw2f.settings import Settings, unknown_variables
from ngw2f.store import messages
from ngw2f.store.database import Database
from ngw2f.store.migrate import alembic_config

TIMEOUT_SECONDS = 5.0
# Below this, SQLite and the append-only file have soon nowhere to write.
FREE_BYTES = 1 << 30
# Events and presence are compared over machines by their clocks.
SKEW_SECONDS = 2.0
# Rendering takes milliseconds; what waits so long is stuck.
WAITING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says: "ok", "warning" or "error", of what, and a sentence."""

    level: str
    part: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.level:8}{self.part:10}{self.sentence}"


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what each check finds, in the order in which one would mend it."""
    for check in CHECKS:
        part = check.__name__.removeprefix("check_")
        try:
            yield from check(settings)
        except (SQLAlchemyError, RedisError, OSError) as error:
            yield Finding("error", part, f"it cannot be asked: {str(error).splitlines()[0]}")


def check_settings(settings: Settings) -> Iterator[Finding]:
    for name in unknown_variables():
        yield Finding("warning", "settings", f"{name} is no setting; is it misspelt?")
    if not settings.rate_limit:
        yield Finding(
            "warning",
            "settings",
            "the limits are off (rate_limit), those on guessing passwords too",
        )
    if settings.profile_dir:
        yield Finding("warning", "settings", "requests are profiled (profile_dir), which is slow")
    if settings.links_allow:
        yield Finding("warning", "settings", "links may reach hosts of yours (links_allow)")
    environment = os.environ.get("NGW2F_ENV", "development")
    yield Finding("ok", "settings", f"read, for {environment}; data in {settings.data_path}")


def check_disk(settings: Settings) -> Iterator[Finding]:
    path = settings.data_path
    if not path.is_dir():
        yield Finding("error", "disk", f"{path} is not there; `ngw2f migrate` makes it")
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield Finding("error", "disk", f"{path} cannot be written by this user")
        return
    free = shutil.disk_usage(path).free
    level = "ok" if free > FREE_BYTES else "error"
    yield Finding(level, "disk", f"{free / (1 << 30):.1f} GiB are free in {path}")


def check_database(settings: Settings) -> Iterator[Finding]:
    if settings.sqlalchemy_url.startswith("sqlite") and not _sqlite_exists(settings):
        yield Finding("error", "database", "there is none yet; run `ngw2f migrate`")
        return
    database = Database(settings.sqlalchemy_url)
    try:
        with database.reading() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
            newest = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
            if version != newest:
                sentence = f"its schema is {version}, the newest is {newest}; run `ngw2f migrate`"
                yield Finding("error", "database", sentence)
                return
            name = connection.dialect.name
            yield Finding("ok", "database", f"{name}, with the newest schema ({newest})")
            if messages.has_waiting(connection, time.time() - WAITING_SECONDS):
                sentence = f"messages wait to be rendered for more than {WAITING_SECONDS:.0f} s"
                yield Finding("error", "workers", sentence)
            if name == "postgresql":
                now = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
                yield _clock("PostgreSQL", float(now.scalar_one()))
    finally:
        database.close()


def check_broker(settings: Settings) -> Iterator[Finding]:
    with connect(settings, TIMEOUT_SECONDS) as redis:
        about = cast(dict[str, object], redis.info())
        version = about.get("valkey_version") or about.get("redis_version")
        yield Finding("ok", "broker", f"version {version} answers")
        policy = about.get("maxmemory_policy")
        if policy != "noeviction":
            sentence = f"maxmemory-policy is {policy}; under pressure it throws queues and"
            yield Finding("error", "broker", f"{sentence} events out; set noeviction")
        if not about.get("aof_enabled"):
            sentence = "it forgets all at a restart (appendonly no): presence, limits, counters"
            yield Finding("warning", "broker", sentence)
        seconds, microseconds = cast(tuple[int, int], redis.time())
        yield _clock("the broker", seconds + microseconds / 1_000_000)


def check_workers(settings: Settings) -> Iterator[Finding]:
    with connect(settings, TIMEOUT_SECONDS) as redis:
        count = Worker.count(connection=redis)
    if count:
        yield Finding("ok", "workers", f"{count} RQ worker(s) are registered")
    else:
        yield Finding("error", "workers", "no RQ worker is there; run `ngw2f worker`")


CHECKS: tuple[Check, ...] = (
    check_settings,
    check_disk,
    check_database,
    check_broker,
    check_workers,
)


def _sqlite_exists(settings: Settings) -> bool:
    path = settings.sqlalchemy_url.removeprefix("sqlite:///")
    return os.path.exists(path)


def _clock(whose: str, seconds: float) -> Finding:
    skew = seconds - time.time()
    if abs(skew) > SKEW_SECONDS:
        sentence = f"{whose} is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}; run NTP"
        return Finding("error", "clock", sentence)
    return Finding("ok", "clock", f"as that of {whose}, to {abs(skew) * 1000:.0f} ms")
