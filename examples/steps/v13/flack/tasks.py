"""Work that continues after the answer, in threads of this process."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from werkzeug import Response
from werkzeug.exceptions import NotFound

from .utils import json_response

MAX_KEPT = 1000


class Tasks:
    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(4)
        self.futures: dict[str, Future[object]] = {}

    def begin(self, work: Callable[[], object]) -> Response:
        task = secrets.token_urlsafe()
        self.futures[task] = self.pool.submit(work)
        # Drop the oldest results, which nobody asked for.
        for oldest in list(self.futures)[:-MAX_KEPT]:
            self.futures.pop(oldest, None)
        return Response("", 202, {"Location": f"/status/{task}"})

    def show(self, task: str) -> Response:
        future = self.futures.get(task)
        if future is None:
            raise NotFound("there is no such task")
        if not future.done():
            return Response("", 202, {"Retry-After": "1"})
        # An exception of the work is raised here.
        return json_response(future.result())
