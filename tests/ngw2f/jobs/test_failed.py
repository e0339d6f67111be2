from collections.abc import Callable

import pytest
from redis import Redis

from ngw2f.jobs.failed import list_failed, requeue
from tests.queues import PREFIX, queue_of


@pytest.fixture
def failed(redis: Redis, work: Callable[..., None]) -> list[str]:
    """Give the ids of two jobs that failed."""
    queue = queue_of(redis)
    ids = [queue.enqueue("math.sqrt", -number).id for number in (1, 2)]
    work()
    return ids


def test_no_job_has_failed(redis: Redis) -> None:
    assert list_failed(redis, PREFIX) == []


def test_failed_jobs_are_listed(redis: Redis, failed: list[str]) -> None:
    lines = list_failed(redis, PREFIX)
    assert sorted(line.split()[1] for line in lines) == sorted(failed)
    assert all(line.endswith("ValueError: math domain error") for line in lines)


def test_one_is_requeued(redis: Redis, failed: list[str]) -> None:
    assert requeue(redis, PREFIX, {failed[0]}) == [failed[0]]
    assert queue_of(redis).job_ids == [failed[0]]
    assert len(list_failed(redis, PREFIX)) == 1


def test_all_are_requeued(redis: Redis, failed: list[str]) -> None:
    assert sorted(requeue(redis, PREFIX, set())) == sorted(failed)
    assert list_failed(redis, PREFIX) == []


def test_unknown_is_not_requeued(redis: Redis, failed: list[str]) -> None:
    assert requeue(redis, PREFIX, {"unknown"}) == []
