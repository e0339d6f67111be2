"""Answer 202 at once, and leave the work to RQ: REDIS_URL=... gunicorn queued:application.

The task is in Redis, where it outlives the server, and the workers are separate processes:
rq worker --url $REDIS_URL. Their computing does not block requests.
"""

import os

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from werkzeug import Request, Response

PATHS = {"/wait": "work.wait", "/compute": "work.compute"}


class Tasks:
    """A queue in Redis; results are kept there as well."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.queue = Queue(connection=redis)

    def answer(self, request: Request) -> Response:
        if request.path in PATHS:
            return self.accept(request.path)
        if request.path.startswith("/tasks/"):
            return self.show(request.path.removeprefix("/tasks/"))
        return Response("quick\n")

    def accept(self, path: str) -> Response:
        job = self.queue.enqueue(PATHS[path])
        return Response("", "202 Accepted", {"Location": f"/tasks/{job.id}"})

    def show(self, task: str) -> Response:
        try:
            job = Job.fetch(task, connection=self.redis)
        except NoSuchJobError:
            return Response("no such task\n", "404 Not Found")
        if not job.is_finished:
            return Response("not yet\n", "202 Accepted", {"Retry-After": "1"})
        return Response(job.return_value())


Response.autocorrect_location_header = False
application = Request.application(Tasks(Redis.from_url(os.environ["REDIS_URL"])).answer)
