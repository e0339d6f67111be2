"""Tasks: the status of what a request left to be done after its answer.

They are rows, so they survive whatever the queue and the broker go through. A task
that ends with a message's rendering is done when that is; any other one when
`end_task` says so. One that failed may still be done later, by another try.
"""

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from ngw2f.store.rooms import is_visible, reader_parameters
from ngw2f.store.schema import can_be_stored, messages, rooms, tasks
from ngw2f.store.turns import IS_WAITING
from ngw2f.store.users import UserRow

ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Task:
    """*location* is where the result is; *problem* is empty, or why there is none so far."""

    id: str
    location: str
    is_done: bool
    problem: str


def create_task(connection: Connection, location: str, message_id: int | None = None) -> str:
    """Return the id of a new task, whose result will be at *location*.

    With a message it ends when that is rendered, goes when that is deleted, and is
    there for those alone who may see it; else for whoever knows its id.
    """
    task_id = secrets.token_urlsafe(ID_BYTES)
    values = {"id": task_id, "location": location, "message_id": message_id}
    connection.execute(insert(tasks).values(**values, created_at=time.time()))
    return task_id


def find_task(connection: Connection, task_id: str, reader: UserRow | None) -> Task | None:
    if not can_be_stored(task_id):
        return None
    may_see = or_(tasks.c.message_id.is_(None), is_visible(to_user=reader is not None))
    statement = (
        select(
            tasks.c.id,
            tasks.c.location,
            func.coalesce(messages.c.rendered, tasks.c.done),
            tasks.c.problem,
        )
        .join_from(tasks, messages, isouter=True)
        .join(rooms, isouter=True)
        .where(tasks.c.id == task_id, may_see)
    )
    row = connection.execute(statement, reader_parameters(reader)).first()
    return Task(row[0], row[1], bool(row[2]), row[3]) if row else None


def find_task_of(connection: Connection, message_id: int) -> str | None:
    """Return the first task that a message's rendering ends."""
    statement = select(tasks.c.id).where(tasks.c.message_id == message_id)
    return connection.scalar(statement.order_by(tasks.c.created_at).limit(1))


def end_task(connection: Connection, task_id: str, problem: str = "") -> None:
    """Say that a task is done, or with a *problem*, a sentence, that it failed."""
    values = {"done": not problem, "problem": problem}
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(values))


def fail_rendering(connection: Connection, problem: str) -> int:
    """Say that the tasks whose messages wait to be rendered have failed; return how many."""
    waiting = select(messages.c.id).where(IS_WAITING)
    statement = update(tasks).where(tasks.c.message_id.in_(waiting))
    return connection.execute(statement.values(problem=problem)).rowcount


def fail_message(connection: Connection, message_id: int, problem: str) -> None:
    """Say that the tasks that wait for a message have failed."""
    statement = update(tasks).where(tasks.c.message_id == message_id)
    connection.execute(statement.values(problem=problem))


def delete_old_tasks(connection: Connection, before: float) -> int:
    """Return how many were deleted."""
    return connection.execute(delete(tasks).where(tasks.c.created_at < before)).rowcount
