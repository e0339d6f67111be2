"""The bell that calls a worker to an outbox.

It is one RQ job under a fixed id. A burst of posts rings once: while a job waits
that has not looked at the outbox yet, more ringing changes nothing. The flag that
says so is taken down by the job as its first act, *before* it looks; so whoever
commits a row and then finds the flag up knows that the row will be seen, and
whoever finds it down puts another job into the queue, even if one is just ending.

The job's hash is kept for good (result_ttl -1): an ending run would otherwise
delete the hash that a new ringing has just written, and with it the call.

RQ's own keys start with "rq:", whatever our prefix is; but they hold the names of queues and
jobs. So these begin with the prefix, and two chats can share one database of Redis.
"""

import re
from dataclasses import dataclass

from redis import Redis
from rq import Callback, Queue, Retry

from ngw2f.broker.connection import Broker

# A worker that is killed between taking the job and taking down the flag leaves
# it up: for so long nobody but the sweep is heard.
FLAG_MILLISECONDS = 2_000
JOB_TIMEOUT_SECONDS = 300
# A job that fails is tried again after so many seconds, then kept (`ngw2f jobs`).
RETRY_SECONDS = (1, 5, 25)
KEEP_FAILED_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Call:
    """Whom a bell calls: the queue, the job's function by its name, and its id."""

    queue: str
    function: str
    job_id: str
    # Called when the job fails.
    on_failure: str = ""


RENDER = Call(
    "render",
    "ngw2f.jobs.render.render_messages",
    "render-messages",
    "ngw2f.jobs.render.note_failure",
)
LINKS = Call("links", "ngw2f.jobs.links.fetch_links", "fetch-links")
QUEUES = (RENDER.queue, LINKS.queue)


def queue_name(prefix: str, queue: str) -> str:
    """Return what RQ knows a queue of ours by."""
    return prefix + queue


def job_id(prefix: str, call: Call) -> str:
    """Return the id of a call's job, in which RQ takes only letters, digits, `_` and `-`."""
    plain = re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", prefix)
    return plain + call.job_id


class Bell:
    """Ring for a job, and silence the bell when it comes."""

    def __init__(self, broker: Broker, call: Call) -> None:
        self.queue_name = call.queue
        self._broker = broker
        self._call = call
        self._flag = broker.key(f"bell:{call.queue}")
        self._job_id = job_id(broker.prefix, call)
        self._queue = Queue(queue_name(broker.prefix, call.queue), connection=broker.redis)

    def ring(self) -> None:
        """Call a worker, after the commit of what it shall see. Without Redis, the sweep will."""
        self._broker.attempt(self._ring_unless_rung, None)

    def ring_again(self) -> None:
        """Call a worker even if one seems to be called."""
        self._broker.attempt(lambda _redis: self._enqueue(), None)

    def silence(self) -> None:
        """Take the flag down: from here on, what is committed needs another call."""
        self._broker.redis.delete(self._flag)

    def hold(self) -> None:
        """Keep the flag up: a job is at work, and looks again and again until it is silenced."""
        self._broker.attempt(lambda redis: redis.set(self._flag, 1, px=FLAG_MILLISECONDS), None)

    def _ring_unless_rung(self, redis: Redis) -> None:
        if redis.set(self._flag, 1, nx=True, px=FLAG_MILLISECONDS):
            self._enqueue()

    def _enqueue(self) -> None:
        self._queue.enqueue(
            self._call.function,
            job_id=self._job_id,
            job_timeout=JOB_TIMEOUT_SECONDS,
            retry=Retry(max=len(RETRY_SECONDS), interval=list(RETRY_SECONDS)),
            result_ttl=-1,
            failure_ttl=KEEP_FAILED_SECONDS,
            on_failure=Callback(self._call.on_failure) if self._call.on_failure else None,
        )
