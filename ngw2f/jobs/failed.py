"""Jobs that failed, were tried again, and failed: what `ngw2f jobs` lists and puts back."""

from collections.abc import Iterator

from redis import Redis
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry

from ngw2f.jobs.bell import QUEUES, queue_name


def list_failed(redis: Redis, prefix: str) -> list[str]:
    """Return a line for each failed job: queue, id, when, and its error's last line."""
    return [_describe(queue, job) for queue, job in _failed_jobs(redis, prefix)]


def requeue(redis: Redis, prefix: str, job_ids: set[str]) -> list[str]:
    """Put failed jobs back into their queues, all of them if no ids are given; return which."""
    requeued = []
    for queue, job in list(_failed_jobs(redis, prefix)):
        if job_ids and job.id not in job_ids:
            continue
        try:
            FailedJobRegistry(queue_name(prefix, queue), connection=redis).requeue(job)
        except (InvalidJobOperation, NoSuchJobError):
            continue  # Another operator was quicker.
        requeued.append(job.id)
    return requeued


def _failed_jobs(redis: Redis, prefix: str) -> Iterator[tuple[str, Job]]:
    for name in QUEUES:
        registry = Queue(queue_name(prefix, name), connection=redis).failed_job_registry
        # Those that are kept long enough are forgotten here.
        ids = registry.get_job_ids()
        for job in Job.fetch_many(ids, connection=redis):
            if job is not None:
                yield name, job


def _describe(queue: str, job: Job) -> str:
    result = job.latest_result()
    error = (result.exc_string if result else None) or "it was abandoned"
    ended = f"{job.ended_at:%Y-%m-%d %H:%M:%S}" if job.ended_at else "unknown"
    return f"{queue}  {job.id}  {ended}  {error.strip().splitlines()[-1]}"
