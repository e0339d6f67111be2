"""Rendering without an outbox: a job for each message. For benchmarks/queue.py.

`python -m benchmarks.one_by_one rq` is a stock RQ worker that imports all of this before it
forks; `celery -A benchmarks.one_by_one worker` is Celery's.
"""

import os
import sys
import time
from functools import cache

from redis import Redis

from ngw2f.jobs.context import JobContext, build_context
from ngw2f.links.find import find_links
from ngw2f.settings import load_settings
from ngw2f.store import messages
from ngw2f.store.message_links import attach_links

try:
    import celery
except ImportError:
    celery = None


@cache
def context() -> JobContext:
    """Return the context of the jobs in a process; made after the fork."""
    return build_context(load_settings())


def render_message(message_id: int) -> None:
    """Render a message, store it and publish its event, as the outbox does with many."""
    core = context().core
    with core.database.reading() as connection:
        ((version, message),) = messages.load_messages(connection, [message_id])
    html = context().markdown.render(message.source)
    with core.database.writing() as connection:
        if not messages.list_unchanged(connection, [(version, message)]):
            return
        links = find_links(html)
        shown, _ = attach_links(connection, {message_id: links} if links else {}, time.time())
        previews = shown.get(message_id, ())
        stored = messages.set_rendered(connection, [(message, html, previews)])
        run = core.events.record(connection, "message.updated", *stored)
    core.events.publish(run)


if celery:
    app = celery.Celery(broker=f"redis+socket://{os.environ.get('BENCHMARK_SOCKET', '')}")
    app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=64)
    celery_render = app.task(render_message, name="render")


def work_with_rq() -> None:
    from rq import Queue, Worker

    connection = Redis(unix_socket_path=os.environ["BENCHMARK_SOCKET"])
    Worker([Queue("one-by-one", connection=connection)], connection=connection).work(
        logging_level="WARNING"
    )


if __name__ == "__main__" and sys.argv[1:] == ["rq"]:
    work_with_rq()
