"""Tasks for other processes: in Redis, where they outlive the server."""

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from werkzeug import Response
from werkzeug.exceptions import InternalServerError, NotFound

from .jobs import render
from .utils import json_response


class Tasks:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.queue = Queue(connection=redis)

    def begin(self, message: int) -> Response:
        """Queue a message for rendering: only its id goes into the queue."""
        job = self.queue.enqueue(render, message)
        return Response("", 202, {"Location": f"/status/{job.id}"})

    def show(self, task: str) -> Response:
        try:
            job = Job.fetch(task, connection=self.redis)
        except NoSuchJobError as error:
            raise NotFound("there is no such task") from error
        if job.is_failed:
            raise InternalServerError("the task has failed")
        if not job.is_finished:
            return Response("", 202, {"Retry-After": "1"})
        return json_response(job.return_value())
