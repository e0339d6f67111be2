"""Jobs that failed after all retries, which `ngw2f jobs` lists and requeues.

These are RQ jobs, and messages set aside because rendering them keeps failing.
"""

from collections.abc import Iterator

from redis import Redis
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry

from ngw2f.jobs.wakeup import QUEUES, RENDER, WakeUp, queue_name
from ngw2f.store import render_queue
from ngw2f.store.database import Database
from ngw2f.store.render_queue import MAX_ATTEMPTS

# Prefix of the name by which `ngw2f jobs` lists a message that was set aside.
MESSAGE = "message-"


def list_failed(redis: Redis, prefix: str) -> list[str]:
    """Return a line for each failed job: queue, id, time, and the error's last line."""
    return [_describe(queue, job) for queue, job in _failed_jobs(redis, prefix)]


def requeue(redis: Redis, prefix: str, job_ids: set[str]) -> list[str]:
    """Requeue failed jobs, all of them if no ids are given; return their ids."""
    requeued = []
    for queue, job in list(_failed_jobs(redis, prefix)):
        if job_ids and job.id not in job_ids:
            continue
        try:
            FailedJobRegistry(queue_name(prefix, queue), connection=redis).requeue(job)
        except (InvalidJobOperation, NoSuchJobError):
            continue  # Another operator requeued it first.
        requeued.append(job.id)
    return requeued


def list_set_aside(database: Database) -> list[str]:
    """Return a line for each message that was set aside."""
    with database.reading() as connection:
        message_ids = render_queue.list_set_aside(connection)
    reason = f"rendering it failed {MAX_ATTEMPTS} times"
    return [f"{RENDER.queue}  {MESSAGE}{message_id}  {reason}" for message_id in message_ids]


def render_again(database: Database, wakeup: WakeUp, names: set[str]) -> list[str]:
    """Queue set-aside messages for rendering, all of them if no names are given."""
    with database.writing() as connection:
        set_aside = render_queue.list_set_aside(connection)
        chosen = {f"{MESSAGE}{message_id}": message_id for message_id in set_aside}
        if names:
            chosen = {name: chosen[name] for name in names & chosen.keys()}
        render_queue.render_again(connection, chosen.values())
    if chosen:
        wakeup.wake_again()
    return sorted(chosen)


def _failed_jobs(redis: Redis, prefix: str) -> Iterator[tuple[str, Job]]:
    for name in QUEUES:
        registry = Queue(queue_name(prefix, name), connection=redis).failed_job_registry
        # This also drops expired entries.
        ids = registry.get_job_ids()
        for job in Job.fetch_many(ids, connection=redis):
            if job is not None:
                yield name, job


def _describe(queue: str, job: Job) -> str:
    result = job.latest_result()
    error = (result.exc_string if result else None) or "it was abandoned"
    ended = f"{job.ended_at:%Y-%m-%d %H:%M:%S}" if job.ended_at else "unknown"
    return f"{queue}  {job.id}  {ended}  {error.strip().splitlines()[-1]}"
