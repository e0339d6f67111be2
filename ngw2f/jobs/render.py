"""The render job: render the whole outbox in batches, and publish each once stored."""

import logging
import os
import socket
import time
from collections.abc import Callable

from redis import Redis
from rq.job import Job

from ngw2f.broker.follow_ups import Facts, FollowUp
from ngw2f.jobs.context import JobContext, current_context
from ngw2f.jobs.outbox import Batch
from ngw2f.jobs.wakeup import RENDER
from ngw2f.observe.metrics.families import RENDER_SECONDS
from ngw2f.observe.metrics.tally import note
from ngw2f.store import tasks

PROBLEM = (
    "the message is stored, and shown as it was typed; rendering it has failed, "
    "and will be tried again"
)

# While messages keep coming, a job looks again instead of leaving them to the next job, because a
# job costs more than a batch. What comes within this time is stored with one commit, so that those
# who post get the database as well.
PACE_SECONDS = 0.05
LINGER_SECONDS = 0.1
# Then the other jobs of the queue have their turn.
MAX_SECONDS = 5.0

log = logging.getLogger(__name__)


def render_messages() -> int:
    """Render all waiting messages and return how many there were.

    If rendering a message raises, re-raise that once the others are done, so that RQ retries.

    Clear the flag first: a message committed from then on queues another job, even while this
    one is ending.
    """
    context = current_context.get()
    context.wakeup.clear_flag()
    if context.pictures.has_due():
        # Whoever uploads one wakes this job, which a worker is always there for.
        context.link_wakeup.wake()
    render = _timed(context)
    count = 0
    failed: dict[int, Exception] = {}
    # How many seconds after its post each message was rendered.
    waited: list[float] = []
    end = time.monotonic() + MAX_SECONDS
    while True:
        looked_at = time.monotonic()
        batch = context.outbox.render_batch(render, failed)
        if batch:
            linger_until = min(looked_at + LINGER_SECONDS, end)
            count += len(batch.messages)
            failed |= batch.failed
            took = time.monotonic() - looked_at
            waited += [batch.waited[message.id] + took for message in batch.messages]
            _log(batch)
            if context.follow_ups:
                context.follow_ups.add(follow_ups_of(batch, time.time()))
            if batch.has_due_links:
                context.link_wakeup.wake()
        if count and _is_next_queued(context):
            if looked_at > linger_until:
                break
            time.sleep(max(0.0, looked_at + PACE_SECONDS - time.monotonic()))
        elif batch is None or (context.stopping.is_set() and looked_at > end):
            # Whoever must stop, and does not in time, is killed; the rest waits for the next.
            break
    context.history.note_rendered(waited)
    for error in failed.values():
        raise error
    return count


def _is_next_queued(context: JobContext) -> bool:
    """Return whether somebody has posted since this job began, and so queued the next."""
    return context.wakeup.is_flagged() and not context.stopping.is_set()


def _log(batch: Batch) -> None:
    """Log the result of each message, and the request that posted it."""
    results = [(message.id, "rendered") for message in batch.messages]
    results += [(message_id, f"failed: {error!r}") for message_id, error in batch.failed.items()]
    for message_id, result in results:
        level = logging.WARNING if message_id in batch.failed else logging.INFO
        fields = {
            "message_id": message_id,
            "result": result,
            "request_id": batch.request_ids.get(message_id) or "-",
        }
        log.log(level, "message %(message_id)d %(result)s %(request_id)s", fields)


def follow_ups_of(batch: Batch, now: float) -> dict[str, list[FollowUp]]:
    """Return what a finished batch did, for each request that posted or edited its messages."""
    found: dict[str, list[FollowUp]] = {}
    shared: Facts = {"worker": f"{socket.gethostname()}:{os.getpid()}", "queue": RENDER.queue}
    event_ids = dict(zip([message.id for message in batch.messages], batch.event_ids, strict=True))
    for message_id in [*event_ids, *batch.failed]:
        facts = shared | {
            "message": message_id,
            "waited": f"{batch.waited[message_id] * 1000:.1f} ms",
            "batch": len(batch.waited),
        }
        if message_id in batch.failed:
            facts["failed"] = type(batch.failed[message_id]).__name__
        job = FollowUp("job", RENDER.name, batch.began_at, now - batch.began_at, facts)
        each = found.setdefault(batch.request_ids.get(message_id, ""), [])
        each.append(job)
        if message_id in event_ids:
            event: Facts = {"id": event_ids[message_id], "message": message_id}
            each.append(FollowUp("event", "message.updated", now, 0.0, event))
    return found


def _timed(context: JobContext) -> Callable[[str], str]:
    """Return the renderer, timed for /metrics."""
    buckets = context.core.tally.buckets(RENDER_SECONDS)[()]

    def render(source: str) -> str:
        began_at = time.perf_counter()
        html = context.markdown.render(source)
        note(buckets, time.perf_counter() - began_at)
        return html

    return render


def note_failure(job: Job, _redis: Redis, *_error: object) -> None:
    """Fail the tasks that wait for the job, once RQ stops retrying it."""
    if job.should_retry:
        return
    with current_context.get().core.database.writing() as connection:
        tasks.fail_rendering(connection, PROBLEM)
