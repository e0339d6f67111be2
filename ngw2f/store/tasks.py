"""Tasks: the status of work that a request left to be done after its answer.

They are rows, so they survive whatever happens to the queue and the broker. The task of a message
is done when the message is rendered; any other task when `end_task` says so. A failed task may
still be done by a later attempt. How long tasks are kept is in ngw2f/jobs/upkeep.py.
"""

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from ngw2f.store.render_queue import IS_WAITING
from ngw2f.store.rooms import is_visible, reader_parameters
from ngw2f.store.schema import can_be_stored, messages, rooms, tasks
from ngw2f.store.users import UserRow

ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Task:
    """*location* is the result's path; *problem* says why there is none so far, or is empty."""

    id: str
    location: str
    is_done: bool
    problem: str


def create_task(connection: Connection, location: str, message_id: int | None = None) -> str:
    """Return the id of a new task, whose result will be at *location*.

    The task of a message ends when it is rendered, is deleted with it, and is visible to those who
    may see it. Any other task is visible to whoever knows its id.
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
    """Return the first task of a message."""
    statement = select(tasks.c.id).where(tasks.c.message_id == message_id)
    return connection.scalar(statement.order_by(tasks.c.created_at).limit(1))


def end_task(connection: Connection, task_id: str, problem: str = "") -> None:
    """Store that a task is done, or that it failed if there is a *problem* (a sentence)."""
    values = {"done": not problem, "problem": problem}
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(values))


def fail_rendering(connection: Connection, problem: str) -> int:
    """Store that the tasks of all messages that wait for rendering failed; return how many."""
    waiting = select(messages.c.id).where(IS_WAITING)
    statement = update(tasks).where(tasks.c.message_id.in_(waiting))
    return connection.execute(statement.values(problem=problem)).rowcount


def fail_message(connection: Connection, message_id: int, problem: str) -> None:
    """Store that the tasks of a message failed."""
    statement = update(tasks).where(tasks.c.message_id == message_id)
    connection.execute(statement.values(problem=problem))


def delete_old_tasks(connection: Connection, before: float) -> int:
    """Delete the tasks created before a time; return how many."""
    return connection.execute(delete(tasks).where(tasks.c.created_at < before)).rowcount
