"""Answer 202 at once, and do the work in a thread: gunicorn accepted:application.

Unfinished work is lost when the process ends, and a second process does not know the first one's
tasks. An external queue solves that: queued.py.
"""

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module

from werkzeug import Request, Response

work = import_module("work")  # beside this file
PATHS = {"/wait": work.wait, "/compute": work.compute}


class Tasks:
    """One thread that works, and the results by id."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.results: dict[str, Future[str]] = {}

    def answer(self, request: Request) -> Response:
        if request.path in PATHS:
            return self.accept(request.path)
        if request.path.startswith("/tasks/"):
            return self.show(request.path.removeprefix("/tasks/"))
        return Response("quick\n")

    def accept(self, path: str) -> Response:
        """Answer 202 (RFC 9110 section 15.3.3): not done, with a URL for the result."""
        task = secrets.token_hex(8)
        self.results[task] = self.pool.submit(PATHS[path])
        return Response("", "202 Accepted", {"Location": f"/tasks/{task}"})

    def show(self, task: str) -> Response:
        if task not in self.results:
            return Response("no such task\n", "404 Not Found")
        if not self.results[task].done():
            return Response("not yet\n", "202 Accepted", {"Retry-After": "1"})
        return Response(self.results[task].result())


Response.autocorrect_location_header = False
application = Request.application(Tasks().answer)
