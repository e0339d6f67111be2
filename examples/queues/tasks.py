"""The job for Celery, three times: REDIS_URL=... celery -A tasks worker.

`early` is Celery's default: a message is acknowledged before the work begins. `late` is
acknowledged when the work ends; `again` is also requeued if the child process dies.
"""

import os

from celery import Celery

from examples.queues.work import work

app = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
# A worker takes only the message that it works on, so that others can take the next.
app.conf.worker_prefetch_multiplier = 1

early = app.task(name="early")(work)
late = app.task(name="late", acks_late=True)(work)
again = app.task(name="again", acks_late=True, reject_on_worker_lost=True)(work)
