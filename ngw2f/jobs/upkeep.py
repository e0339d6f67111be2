"""What is done from time to time, whatever happens: by RQ's cron (`ngw2f cron`)."""

import logging
import time

from redis import Redis
from rq.cron import CronJob, CronScheduler
from rq.scheduler import RQScheduler

from ngw2f.jobs.context import current_context
from ngw2f.jobs.wakeup import QUEUES, RENDER, queue_name
from ngw2f.store import devices, events, messages, previews, tasks, tokens

SWEEP_SECONDS = 5
CLEAN_SECONDS = 600
# A job that failed is not tried again later than so long after its time.
MAX_SLEEP_SECONDS = 1.0
# The next run is the retry of one that failed. While the database is away all of them fail, and
# these are the last ones of each that are kept to be looked at.
KEPT_FAILURES = 100
# Nobody waits so long for a render job that is called: the call must have been lost.
LOST_AFTER_SECONDS = 2
TASK_TTL_SECONDS = 86_400
# Of so many messages, the newest, the previews are kept fresh; of others when somebody
# posts the link again.
REFRESHED_MESSAGES = 200


def sweep() -> bool:
    """Call the jobs again to what waits and no call seems to have reached; say if there was any."""
    context = current_context.get()
    before = time.time() - LOST_AFTER_SECONDS
    with context.core.database.reading() as connection:
        is_lost = messages.has_waiting(connection, before)
        is_due = previews.has_due(connection, before) or previews.has_untold(connection)
    if is_lost:
        context.bell.ring_again()
    if is_due:
        # Not again: a job that fetches from slow sites holds the flag up and needs no call.
        context.link_bell.ring()
    return is_lost or is_due


def clean() -> None:
    """Delete what is expired: tokens, devices, statuses of tasks, events, previews."""
    context = current_context.get()
    with context.core.database.writing() as connection:
        tokens.delete_expired_tokens(connection)
        devices.delete_expired_devices(connection)
        tasks.delete_old_tasks(connection, time.time() - TASK_TTL_SECONDS)
        events.delete_old_events(connection, context.core.settings.stream_length)
        previews.delete_unused_previews(connection, time.time())
        first_shown = messages.newest_id(connection) - REFRESHED_MESSAGES
        previews.refresh_previews(connection, time.time(), first_shown)


class Upkeep(CronScheduler):
    """RQ's cron, which also puts failed jobs back into their queue when it is time to retry."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        super().__init__(connection=redis)
        queues = [queue_name(prefix, queue) for queue in QUEUES]
        self._retries = RQScheduler(queues, connection=redis, logging_level=logging.WARNING)

    def enqueue_jobs(self) -> list[CronJob]:
        # Of several schedules one has the lock; another takes it over when that is gone.
        self._retries.acquire_locks()  # type: ignore[no-untyped-call] # RQ's
        self._retries.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call] # RQ's
        return super().enqueue_jobs()

    def calculate_sleep_interval(self) -> float:
        return min(MAX_SLEEP_SECONDS, super().calculate_sleep_interval())


def build_cron(redis: Redis, prefix: str) -> Upkeep:
    cron = Upkeep(redis, prefix)
    queue = queue_name(prefix, RENDER.queue)
    # A job that did not come to run is of no use when the next one is due.
    for job, seconds in ((sweep, SWEEP_SECONDS), (clean, CLEAN_SECONDS)):
        cron.register(
            job,
            queue_name=queue,
            interval=seconds,
            result_ttl=0,
            ttl=seconds,
            failure_ttl=KEPT_FAILURES * seconds,
            name=f"{prefix}{job.__name__}",
        )
    return cron
