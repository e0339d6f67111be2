import pytest
from rq import Queue

from ngw2f.jobs.bell import RENDER
from ngw2f.jobs.failed import list_failed, requeue


@pytest.fixture
def failed(redis, work):
    """Give the ids of two jobs that failed."""
    queue = Queue(RENDER.queue, connection=redis)
    ids = [queue.enqueue("math.sqrt", -number).id for number in (1, 2)]
    work()
    return ids


def test_no_job_has_failed(redis):
    assert list_failed(redis) == []


def test_failed_jobs_are_listed(redis, failed):
    lines = list_failed(redis)
    assert sorted(line.split()[1] for line in lines) == sorted(failed)
    assert all(line.endswith("ValueError: math domain error") for line in lines)


def test_one_is_requeued(redis, failed):
    assert requeue(redis, {failed[0]}) == [failed[0]]
    assert Queue(RENDER.queue, connection=redis).job_ids == [failed[0]]
    assert len(list_failed(redis)) == 1


def test_all_are_requeued(redis, failed):
    assert sorted(requeue(redis, set())) == sorted(failed)
    assert list_failed(redis) == []


def test_unknown_is_not_requeued(redis, failed):
    assert requeue(redis, {"unknown"}) == []
