"""Answers that need not, or may, wait for what a request leaves to be done (RFC 7240).

Any endpoint can answer so: it stores a task (ngw2f/store/tasks.py) with its change if
`wants_task` says so, and returns `answer` with what is `Pending`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection

from ngw2f.http import Request, Response, json_response, no_content, problem
from ngw2f.store import tasks
from ngw2f.web import auth
from ngw2f.web.errors import DATABASE_ERRORS
from ngw2f.web.services import Services

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.005
MAX_PAUSE_SECONDS = 0.1
RETRY_AFTER_SECONDS = 1


class TaskStatus(msgspec.Struct):
    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """What a request changed, and how to see that what it left to be done is done."""

    # As it is now, and where it is.
    resource: T
    location: str
    is_ready: Callable[[T], bool]
    # Return it as it is then, None if it is deleted.
    reload: Callable[[Connection, T], T | None]
    # The task that was asked for.
    task_id: str | None = None


def wants_task(request: Request) -> bool:
    return "respond-async" in request.preferences


def answer(services: Services, request: Request, pending: Pending[T], *, status: int) -> Response:
    """Answer what created (201) or changed (204) something as its Prefer field asks for.

    `wait=N`: the whole resource, if it is ready within N seconds.
    `respond-async`: 202 with a task, unless it was ready in the time to wait.
    """
    resource = pending.resource
    seconds = _wait_seconds(services, request)
    applied = []
    if seconds is not None:
        resource = _wait_until_ready(services, pending, seconds)
        applied.append(f"wait={seconds}")
    is_ready = pending.is_ready(resource)
    if pending.task_id and not is_ready:
        response = accepted(pending.task_id)
        applied.append("respond-async")
    elif status == 201 or is_ready:
        response = json_response(resource, status if status == 201 else 200)
        response.headers["Location" if status == 201 else "Content-Location"] = pending.location
    else:
        response = no_content()
    if applied:
        response.headers["Preference-Applied"] = ", ".join(applied)
    return response


def show_task(services: Services, request: Request, task_id: str) -> Response:
    """Answer 202 while it runs, then send to what came of it, or say why there is nothing."""
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        task = tasks.find_task(connection, task_id, reader)
    if task is None:
        raise problem(404, "there is no such task, or what it made is deleted")
    if task.is_done:
        response = json_response(TaskStatus(task.id, "done"), 303)
        response.headers["Location"] = task.location
        return response
    if task.problem:
        raise problem(500, task.problem)
    return accepted(task.id)


def accepted(task_id: str) -> Response:
    response = json_response(TaskStatus(task_id, "running"), 202)
    response.headers["Location"] = f"/tasks/{task_id}"
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _wait_seconds(services: Services, request: Request) -> int | None:
    """Return N of `wait=N`, at most `max_wait_seconds`; no number, no wait."""
    text = request.preferences.get("wait", "")
    if not (text.isascii() and text.isdecimal()):
        return None
    return min(int(text[:9]), int(services.core.settings.max_wait_seconds))


def _wait_until_ready(services: Services, pending: Pending[T], seconds: int) -> T:
    """Return the resource as it is when it is ready or the time is over."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    resource = pending.resource
    while not pending.is_ready(resource) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, MAX_PAUSE_SECONDS)
        try:
            with services.core.database.reading() as connection:
                found = pending.reload(connection, resource)
        except DATABASE_ERRORS:
            # The change is stored, and said to be.
            break
        if found is None:
            break
        resource = found
    return resource
