"""Periodic jobs, scheduled by RQ's cron (`ngw2f cron`)."""

import logging
import time

from redis import Redis
from rq.cron import CronJob, CronScheduler
from rq.scheduler import RQScheduler

from ngw2f.jobs.context import JobContext, current_context
from ngw2f.jobs.wakeup import QUEUES, RENDER, queue_name
from ngw2f.store import (
    audit,
    deleted,
    devices,
    events,
    file_pictures,
    files,
    messages,
    previews,
    registration,
    render_queue,
    search,
    tasks,
    tokens,
)

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5
CLEAN_SECONDS = 600
# A retry is late by at most this long.
MAX_SLEEP_SECONDS = 1.0
# A failed run is retried by the next one. While the database is unreachable all runs fail; keep
# this many of each for inspection.
KEPT_FAILURES = 100
# A queued job starts sooner than this, so the wake-up must have been lost.
LOST_AFTER_SECONDS = 2
TASK_TTL_SECONDS = 86_400
# Previews of the newest messages are refreshed; others when somebody posts the link again.
REFRESHED_MESSAGES = 200
# The words of this many messages are stored with one commit, which takes some milliseconds.
INDEXED_MESSAGES = 200
# A sweep removes at most this many files.
REMOVED_FILES = 200
# The rest is for the next sweep.
MAX_INDEX_SECONDS = 4.0


def sweep() -> bool:
    """Wake workers for rows that no wake-up seems to have reached; return whether any wait.

    What was deleted, and can no longer be restored, is gone for good within one sweep.
    """
    context = current_context.get()
    before = time.time() - LOST_AFTER_SECONDS
    with context.core.database.reading() as connection:
        is_lost = render_queue.has_waiting(connection, before)
        is_left = deleted.has_expired(connection)
        waiting, _ = render_queue.measure_outbox(connection)
        is_due = previews.has_due(connection, before) or previews.has_unnotified(connection)
        is_due = is_due or file_pictures.has_due(connection, before)
    if is_left:
        with context.core.database.writing() as connection:
            deleted.forget_expired(connection)
    _remove_files(context)
    context.history.note_queue(waiting)
    if is_lost:
        context.wakeup.wake_again()
    if is_due:
        # Not `wake_again`: a job that fetches from slow sites keeps the flag set.
        context.link_wakeup.wake()
    _index_older(context)
    return is_lost or is_due


def _remove_files(context: JobContext) -> None:
    """Remove files that nobody posted, and those of messages that are deleted for good."""
    database = context.core.database
    with database.asking() as connection:
        expired = files.list_expired(connection, REMOVED_FILES)
    if not expired:
        return
    # The rows go last: they say what is still on the disk.
    removed = []
    for file_id, key in expired:
        try:
            context.core.files.remove(key)
        except OSError as error:
            # The rest of the sweep does not wait until somebody has mended that.
            log.error("an uploaded file cannot be removed: %s", error)
        else:
            removed.append(file_id)
    with database.writing() as connection:
        files.forget_files(connection, removed)


def _index_older(context: JobContext) -> None:
    """Store the words of messages that no worker has stored with their HTML, some at a time.

    Between two commits others have the database for as long; and whoever posts is not kept waiting.
    """
    end = time.monotonic() + MAX_INDEX_SECONDS
    with context.core.database.asking() as connection:
        is_left = search.has_queued(connection)
    while is_left and not context.stopping.is_set():
        began_at = time.monotonic()
        with context.core.database.writing() as connection:
            is_left = search.index_messages(connection, INDEXED_MESSAGES) == INDEXED_MESSAGES
        now = time.monotonic()
        if now > end or context.wakeup.is_flagged():
            return
        if is_left:
            time.sleep(now - began_at)


def clean() -> None:
    """Delete what has expired: tokens, devices, invitations, log entries, tasks, events, previews.

    Refresh the previews that are shown.
    """
    context = current_context.get()
    with context.core.database.writing() as connection:
        tokens.delete_expired_tokens(connection)
        devices.delete_expired_devices(connection)
        registration.delete_expired_invitations(connection)
        days = context.core.settings.audit_days
        audit.delete_old_entries(connection, time.time() - days * tokens.SECONDS_A_DAY)
        tasks.delete_old_tasks(connection, time.time() - TASK_TTL_SECONDS)
        events.delete_old_events(connection, context.core.settings.stream_length)
        previews.delete_unused_previews(connection, time.time())
        first_shown = messages.newest_id(connection) - REFRESHED_MESSAGES
        previews.refresh_previews(connection, time.time(), first_shown)


class Upkeep(CronScheduler):
    """RQ's cron, which also requeues failed jobs when their retry is due."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        super().__init__(connection=redis)
        queues = [queue_name(prefix, queue) for queue in QUEUES]
        self._retries = RQScheduler(queues, connection=redis, logging_level=logging.WARNING)

    def enqueue_jobs(self) -> list[CronJob]:
        # One of several schedulers holds the lock; another takes over if it dies.
        self._retries.acquire_locks()  # type: ignore[no-untyped-call] # RQ's
        self._retries.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call] # RQ's
        return super().enqueue_jobs()

    def calculate_sleep_interval(self) -> float:
        return min(MAX_SLEEP_SECONDS, super().calculate_sleep_interval())


def build_cron(redis: Redis, prefix: str) -> Upkeep:
    cron = Upkeep(redis, prefix)
    queue = queue_name(prefix, RENDER.queue)
    # Drop a job that has not run when the next one is due.
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
