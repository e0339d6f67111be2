"""Answers that wait for a job that the request started, or point to it as a task (RFC 7240).

Any endpoint can answer so: if `wants_task`, it stores a task (ngw2f/store/tasks.py) with its
change; then it returns `answer` with a `Pending`.
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
    """What a request changed, and how to check whether its job is done."""

    # The resource as it is now, and its path.
    resource: T
    location: str
    is_ready: Callable[[T], bool]
    # Returns the resource as it is by then, None if it was deleted.
    reload: Callable[[Connection, T], T | None]
    # Set if the client asked for a task.
    task_id: str | None = None


def wants_task(request: Request) -> bool:
    return "respond-async" in request.preferences


def answer(services: Services, request: Request, pending: Pending[T], *, status: int) -> Response:
    """Answer a request that created (201) or changed (204) something, as its Prefer field asks.

    `wait=N`: with the whole resource, if it is ready within N seconds.
    `respond-async`: 202 with a task, unless the resource is ready by then.
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
    """Answer 202 while the task runs, then redirect to its result, or say why it failed."""
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        task = tasks.find_task(connection, task_id, reader)
    if task is None:
        raise problem(404, "there is no such task, or what it made was deleted")
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
    """Return N of `wait=N`, at most `max_wait_seconds`, or None if N is not a number."""
    text = request.preferences.get("wait", "")
    if not (text.isascii() and text.isdecimal()):
        return None
    return min(int(text[:9]), int(services.core.settings.max_wait_seconds))


def _wait_until_ready(services: Services, pending: Pending[T], seconds: int) -> T:
    """Return the resource as it is when it is ready, or when the time is over."""
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
            # The change is stored, so answer that it is.
            break
        if found is None:
            break
        resource = found
    return resource
