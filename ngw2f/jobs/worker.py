"""The RQ worker: runs jobs one after the other in its own process, without forking.

Everything that jobs need is imported and built before the first one. After a number of jobs a
worker asks its supervisor for a successor and continues until that one is ready, so that the
queue never waits for a Python process to start.
"""

import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.utils import now, utcformat, utcparse

from ngw2f.jobs import links, render, upkeep  # noqa: F401 # imported before a job asks for them
from ngw2f.jobs.context import JobContext, build_context, current_context, inherit_context
from ngw2f.jobs.demand import Demand
from ngw2f.jobs.fetch_process import FetchProcess
from ngw2f.jobs.heartbeat import Heartbeats, HeartbeatThread
from ngw2f.jobs.malloc import give_memory_back
from ngw2f.jobs.niceness import be_nice
from ngw2f.jobs.wakeup import JOB_TIMEOUT_SECONDS, LINKS, WakeUp, queue_name
from ngw2f.observe.logs import GatheringHandler
from ngw2f.observe.metrics.families import JOB_SECONDS, JOBS, PROCESSES
from ngw2f.observe.metrics.files import WRITE_SECONDS, Recorder
from ngw2f.settings import Settings
from ngw2f.store import file_pictures
from ngw2f.store.in_use import UseNote
from ngw2f.store.previews import DUE_BEFORE, UNNOTIFIED
from ngw2f.store.render_queue import PREPARED, WAITING_BEFORE

# The longest wait before retrying Redis.
MAX_CONNECTION_WAIT_SECONDS = 2.0
# RQ ends a job after JOB_TIMEOUT_SECONDS, if it can.
STUCK_SECONDS = JOB_TIMEOUT_SECONDS + 30
# The cron process has this long to sign off from Redis.
CRON_STOP_SECONDS = 1.0
# Posts come before rendering: when the processors are busy, a worker gets a third of what a web
# process gets.
NICE = 5
# Statements that a worker without work runs, too.
WATCHED = (WAITING_BEFORE, DUE_BEFORE, UNNOTIFIED, file_pictures.DUE_BEFORE)
# A message that needs all that most need.
WARMING = "```python\nwarm = True\n```"

log = logging.getLogger(__name__)


class ChatWorker(SimpleWorker):
    """A worker that leaves its context to its jobs and retires in time."""

    max_connection_wait_time = MAX_CONNECTION_WAIT_SECONDS
    log_result_lifespan = False

    def __init__(
        self, context: JobContext, queues: Sequence[str], max_jobs: int, status: int | None
    ) -> None:
        names = [queue_name(context.core.broker.prefix, queue) for queue in queues]
        super().__init__(names, connection=context.redis, log_job_description=False)
        self._stopping = context.stopping
        self._tally = context.core.tally
        self._job_began_at: float | None = None
        self._status = status
        # Random, so that a pool's workers do not retire together.
        self._jobs_left = int(max_jobs * random.uniform(0.9, 1.1))  # noqa: S311 # not a secret

    def register_birth(self) -> None:
        super().register_birth()  # type: ignore[no-untyped-call] # RQ's
        # Redis is reachable, and the worker reads the queue next.
        _tell(self._status, b"ready\n")

    def execute_job(self, job: Job, queue: Queue) -> None:
        super().execute_job(job, queue)
        # Its fetch process may have ended.
        self._stop_requested = self._stop_requested or self._stopping.is_set()
        self._jobs_left -= 1
        if self._jobs_left == 0:
            _tell(self._status, b"retire\n")

    def tell_pulse(self) -> None:
        """Report to the supervisor, unless a job exceeds its time limit."""
        began_at = self._job_began_at
        if began_at is None or time.monotonic() - began_at < STUCK_SECONDS:
            _tell(self._status, b"works\n")

    def perform_job(self, job: Job, queue: Queue) -> bool:
        began_at = time.perf_counter()
        self._job_began_at = time.monotonic()
        try:
            is_done: bool = super().perform_job(job, queue)
        finally:
            self._job_began_at = None
        # The function's name without its module.
        name = str(job.func_name).rpartition(".")[2]
        self._tally.observe(JOB_SECONDS, time.perf_counter() - began_at, name)
        self._tally.count(JOBS, name, "done" if is_done else "failed")
        return is_done

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call] # RQ's


def run_worker(
    settings: Settings,
    queues: Sequence[str],
    status: int | None,
    lifeline: int | None,
    starts: Sequence[str] = (),
) -> None:
    """Run jobs of *queues* until a stop signal (SIGTERM, SIGINT) or the supervisor's end.

    *status* is a file descriptor that the supervisor reads; *lifeline* is one whose other end
    closes when the supervisor ends. The supervisor *starts* the workers of other queues when this
    one first has work for them.
    """
    give_memory_back()
    fetch_process = FetchProcess(settings, lifeline) if LINKS.queue in queues else None
    # Not before: its process is nicer.
    be_nice(NICE)
    use = UseNote(settings)
    use.note()
    call = fetch_process.fetch if fetch_process else None
    context = replace(inherit_context(settings), call_fetch_process=call)
    broker = context.core.broker
    others = [queue for queue in starts if queue not in queues]
    beat = HeartbeatThread(Heartbeats(broker), [*queues, *others])
    if others:
        demand = Demand(others, status, beat.hand_over)
        context = replace(context, link_wakeup=WakeUp(broker, LINKS, demand.announce))
    current_context.set(context)
    if lifeline is not None:
        threading.Thread(target=_end_with, args=[lifeline], daemon=True).start()
    try:
        _work(context, queues, status, beat)
    except RedisError as error:
        # The supervisor starts another one in a moment.
        sys.exit(f"the worker for {','.join(queues)} cannot reach Redis: {error}")
    finally:
        if fetch_process:
            fetch_process.close()
    context.close()
    use.close()


def warm_up(settings: Settings) -> None:
    """Load and build what jobs need, for the forks of this process; connect to nothing."""
    context = build_context(settings)
    context.markdown.render(WARMING)
    for statement in (*WATCHED, *PREPARED.values()):
        statement.compile(context.core.database.engine.dialect)
    # RQ reads the times of each job, for which Python loads a module.
    utcparse(utcformat(now()))
    current_context.set(context)


def _work(
    context: JobContext, queues: Sequence[str], status: int | None, beat: HeartbeatThread
) -> None:
    worker = ChatWorker(context, queues, context.core.settings.worker_max_jobs, status)
    beat.start()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, GatheringHandler):
            handler.start_gathering()
    context.core.tally.set(PROCESSES, 1, "rq")
    context.core.recorder.start()
    threading.Thread(target=_live, args=[worker, context.core.recorder], daemon=True).start()
    # A killed predecessor may have left rows in the outboxes.
    context.outbox.note_crashes()
    context.wake_again(queues)
    worker.work(logging_level="WARNING")
    beat.stop()
    # RQ may have taken a job from the queue just before the stop.
    context.wake_again(queues)


def _live(worker: ChatWorker, recorder: Recorder) -> None:
    """Write metrics and log records, and report to the supervisor, again and again."""
    while True:
        recorder.write()
        for handler in logging.getLogger().handlers:
            handler.flush()
        with suppress(OSError):  # The supervisor is gone, and this process ends soon.
            worker.tell_pulse()
        time.sleep(WRITE_SECONDS)


def run_cron(settings: Settings, lifeline: int | None) -> None:
    """Queue the periodic jobs until a stop signal or the supervisor's end."""
    if lifeline is not None:
        threading.Thread(target=_end_cron_with, args=[lifeline], daemon=True).start()
    broker = inherit_context(settings).core.broker
    cron = upkeep.build_cron(broker.redis, broker.prefix)
    try:
        cron.start()  # type: ignore[no-untyped-call] # RQ's
    except StopRequested:
        return  # Stopped during startup.
    except RedisError as error:
        # The supervisor starts another one in a moment.
        sys.exit(f"the upkeep's schedule cannot reach Redis: {error}")


def _end_cron_with(lifeline: int) -> None:
    """Wait for the supervisor to end, then exit; there is nothing to finish."""
    _end_with(lifeline)
    # RQ's scheduler turns the signal into an exception, and may swallow that as a job's error.
    # Then nothing else would end this process.
    time.sleep(CRON_STOP_SECONDS)
    os._exit(0)


def _tell(status: int | None, line: bytes) -> None:
    if status is not None:
        os.write(status, line)


def _end_with(lifeline: int) -> None:
    """Wait for the supervisor to end, then let this process finish its job and stop."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
