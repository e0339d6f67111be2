"""The render job: the whole outbox, in batches, each told of when it is stored."""

import logging
import time
from collections.abc import Callable

from redis import Redis
from rq.job import Job

from ngw2f.jobs.context import JobContext, current_context
from ngw2f.jobs.outbox import Batch
from ngw2f.observe.metrics.families import RENDER_SECONDS
from ngw2f.observe.metrics.tally import note
from ngw2f.store import tasks

PROBLEM = (
    "the message is stored, and shown as it was typed; rendering it has failed, "
    "and will be tried again"
)


log = logging.getLogger(__name__)


def render_messages() -> int:
    """Render all that waits and return how many messages that were.

    Raises what rendering one of them raised, when the others are done: RQ tries the job again.

    The bell is silenced first: what is committed from here on rings again, even
    while this job is ending.
    """
    context = current_context.get()
    context.bell.silence()
    render = _timed(context)
    count = 0
    failed: dict[int, Exception] = {}
    while True:
        batch = context.outbox.render_batch(render, failed)
        if batch is None:
            break
        count += len(batch.messages)
        failed |= batch.failed
        _log(batch)
        if batch.has_due_links:
            context.link_bell.ring()
    for error in failed.values():
        raise error
    return count


def _log(batch: Batch) -> None:
    """Say of each message what became of it, and by which request it came."""
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


def _timed(context: JobContext) -> Callable[[str], str]:
    """Return the renderer, with its seconds counted for /metrics."""
    buckets = context.core.tally.buckets(RENDER_SECONDS)[()]

    def render(source: str) -> str:
        began_at = time.perf_counter()
        html = context.markdown.render(source)
        note(buckets, time.perf_counter() - began_at)
        return html

    return render


def note_failure(job: Job, _redis: Redis, *_error: object) -> None:
    """Tell those who wait by a task, when the job has failed and RQ tries it no more."""
    if job.should_retry:
        return
    with current_context.get().core.database.writing() as connection:
        tasks.fail_rendering(connection, PROBLEM)
