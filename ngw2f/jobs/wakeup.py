"""Wake a worker that empties an outbox.

The wake-up is one RQ job under a fixed id, so a burst of posts queues it once. A flag in Redis
says that a queued job has not looked at the outbox yet. The job clears the flag as its first
act, *before* it looks. So a writer who commits a row and then finds the flag set knows that the
row will be seen, and one who finds it clear queues another job, even if one is just ending.

The job's hash is kept for good (result_ttl -1): an ending run would otherwise delete the hash
that a new wake-up has just written, and with it the job.

RQ's keys start with "rq:", whatever our prefix is, but contain the names of queues and jobs. So
those names start with our prefix, and two chats can share one Redis database.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from rq import Callback, Queue, Retry

from middleware.spans import span
from ngw2f.broker.connection import Broker
from ngw2f.live.log import Flag

# A worker that is killed between taking the job and clearing the flag leaves it set. Until it
# expires, only the sweep queues the job.
FLAG_MILLISECONDS = 2_000
JOB_TIMEOUT_SECONDS = 300
# A failed job is retried after these delays, then kept (`ngw2f jobs`).
RETRY_SECONDS = (1, 5, 25)
KEEP_FAILED_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class OutboxJob:
    """The job that empties an outbox: its queue, the name of its function, and its id."""

    queue: str
    function: str
    job_id: str
    # The name of the function that RQ calls when the job fails.
    on_failure: str = ""

    @property
    def name(self) -> str:
        """The name of the function without its module."""
        return self.function.rpartition(".")[2]


# RQ stores these names, so jobs of an older release must still find their functions.
RENDER = OutboxJob(
    "render",
    "ngw2f.jobs.render.render_messages",
    "render-messages",
    "ngw2f.jobs.render.note_failure",
)
LINKS = OutboxJob("links", "ngw2f.jobs.links.fetch_links", "fetch-links")
QUEUES = (RENDER.queue, LINKS.queue)


def queue_name(prefix: str, queue: str) -> str:
    """Return the name under which RQ knows one of our queues."""
    return prefix + queue


def job_id(prefix: str, job: OutboxJob) -> str:
    """Return the RQ id of a job; RQ allows only letters, digits, `_` and `-`."""
    plain = re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", prefix)
    return plain + job.job_id


class WakeUp:
    """Queue a job, unless one is queued that has not looked at the outbox yet."""

    def __init__(
        self, broker: Broker, job: OutboxJob, announce: Callable[[str], None] = lambda _queue: None
    ) -> None:
        """Before a job is queued, *announce* its queue."""
        self.queue_name = job.queue
        self._announce = announce
        self._broker = broker
        self._job = job
        # Processes of an older release use the same key.
        self.flag = Flag(broker.key(f"bell:{job.queue}"), FLAG_MILLISECONDS)
        self._job_id = job_id(broker.prefix, job)
        self._queue = Queue(queue_name(broker.prefix, job.queue), connection=broker.redis)

    def wake(self) -> None:
        """Wake a worker; call it after the commit. If Redis is unreachable, the sweep does it."""
        self._announce(self.queue_name)
        self._broker.attempt(self._enqueue_unless_flagged, None)

    def wake_again(self) -> None:
        """Queue the job even if the flag says that one is queued, or was set a moment ago."""
        self._announce(self.queue_name)
        self._broker.attempt(lambda _redis: self._enqueue(), None)

    def clear_flag(self) -> None:
        """Clear the flag: rows committed from now on need another wake-up."""
        self._broker.redis.delete(self.flag.key)

    def is_flagged(self) -> bool:
        """Return whether a queued job has not looked yet."""
        return bool(self._broker.attempt(lambda redis: redis.exists(self.flag.key), 0))

    def renew_flag(self) -> None:
        """Keep the flag set while a running job looks at the outbox repeatedly."""
        self._broker.attempt(lambda redis: redis.set(self.flag.key, 1, px=FLAG_MILLISECONDS), None)

    def _enqueue_unless_flagged(self, redis: Redis) -> None:
        if redis.set(self.flag.key, 1, nx=True, px=FLAG_MILLISECONDS):
            self._enqueue()

    def _enqueue(self) -> None:
        with span("job", self._job.name) as work:
            work.set(queue=self._queue.name, id=self._job_id)
            self._queue.enqueue(
                self._job.function,
                job_id=self._job_id,
                job_timeout=JOB_TIMEOUT_SECONDS,
                retry=Retry(max=len(RETRY_SECONDS), interval=list(RETRY_SECONDS)),
                result_ttl=-1,
                failure_ttl=KEEP_FAILED_SECONDS,
                on_failure=Callback(self._job.on_failure) if self._job.on_failure else None,
            )
