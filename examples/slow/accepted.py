"""Say 202 at once, and do the work in a thread: gunicorn accepted:application.

What is not done when the process ends is lost, and a second process knows nothing of the first
one's tasks. That is what a queue outside is for: queued.py.
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
        """Answer what RFC 9110 section 15.3.3 calls accepted: not done, and where to ask."""
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
