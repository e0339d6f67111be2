"""Two chats on one database of one Redis, told apart by `redis_prefix` alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from redis import Redis
from rq.registry import FailedJobRegistry

from ngw2f.jobs import upkeep
from ngw2f.jobs.failed import list_failed, requeue
from ngw2f.jobs.wakeup import RENDER, job_id, queue_name
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from tests.client import Client
from tests.queues import PREFIX, queue_of


@pytest.fixture
def other(settings: Settings, migrated_sqlite: Path, tmp_path: Path) -> Settings:
    """Give the settings of another chat on the same Redis."""
    directory = tmp_path / "other"
    directory.mkdir()
    shutil.copy(migrated_sqlite, directory)
    return msgspec.structs.replace(
        settings, data_dir=str(directory), database_url="", redis_prefix="other:"
    )


def test_each_has_its_own_messages_rendered(
    build: Callable[..., Service], other: Settings, work: Callable[..., None]
) -> None:
    """Both wake workers; the worker of one does not run jobs of the other."""
    chats = [Client(build()), Client(build(**msgspec.structs.asdict(other)))]
    for chat in chats:
        chat.say(chat.join("ann"), "*a*")

    def rendered() -> list[bool]:
        return [chat.get("/api/messages/1").json["rendered"] for chat in chats]

    work(other)
    assert rendered() == [False, True]
    work()
    assert rendered() == [True, True]


def test_failed_jobs_are_told_apart(redis: Redis, work: Callable[..., None]) -> None:
    failed = queue_of(redis).enqueue("math.sqrt", -1)
    work()
    assert list_failed(redis, "other:") == requeue(redis, "other:", set()) == []
    assert requeue(redis, PREFIX, set()) == [failed.id]


def test_upkeep_of_one_calls_none_of_the_other(redis: Redis) -> None:
    upkeep.build_cron(redis, "other:").enqueue_jobs()
    assert len(queue_of(redis)) == 0
    assert redis.llen("rq:queue:other:render") == 2


def test_registries_of_both(redis: Redis) -> None:
    keys = {FailedJobRegistry(queue_name(p, "render"), connection=redis).key for p in ("a:", "b:")}
    assert len(keys) == 2


def test_ids_are_as_different_as_prefixes() -> None:
    prefixes = ["", "a", "a:", "a-", "a_", "a_3a_", "ä", "a/"]
    ids = [job_id(prefix, RENDER) for prefix in prefixes]
    assert len(set(ids)) == len(prefixes)
    assert all(set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for each in ids)
