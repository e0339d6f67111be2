import time

import pytest

from ngw2f.api_resources import Message
from ngw2f.store import messages, rooms, tasks
from ngw2f.store.database import Database
from ngw2f.store.users import UserRow


@pytest.fixture
def message(database: Database, ann: UserRow, lobby: int) -> Message:
    with database.writing() as connection:
        return messages.create_message(connection, lobby, ann.id, "a", "a")


def create(database: Database, message: Message) -> str:
    with database.writing() as connection:
        return tasks.create_task(connection, "/there", message.id)


def find(database: Database, task_id: str, reader: UserRow | None = None) -> tasks.Task | None:
    with database.reading() as connection:
        return tasks.find_task(connection, task_id, reader)


def found(database: Database, task_id: str) -> tasks.Task:
    task = find(database, task_id)
    assert task is not None
    return task


def test_task_ends_with_rendering(database: Database, message: Message) -> None:
    task_id = create(database, message)
    assert find(database, task_id) == tasks.Task(task_id, "/there", is_done=False, problem="")
    with database.writing() as connection:
        messages.set_rendered(connection, [(message, "a", ())])
    assert found(database, task_id).is_done


def test_task_goes_with_its_message(database: Database, message: Message) -> None:
    task_id = create(database, message)
    with database.writing() as connection:
        messages.delete_message(connection, message.id)
    assert find(database, task_id) is None


def test_unknown_task(database: Database) -> None:
    assert find(database, "unknown") is None
    assert find(database, "un\0known") is None


def test_task_of_private_room(database: Database, ann: UserRow, bob: UserRow) -> None:
    with database.writing() as connection:
        room = rooms.create_room(connection, "den", "den", ann.id, private=True)
        secret = messages.create_message(connection, room.id, ann.id, "a", "a")
    task_id = create(database, secret)
    assert find(database, task_id, ann)
    assert find(database, task_id, bob) is None


def test_task_without_message(database: Database) -> None:
    with database.writing() as connection:
        task_id = tasks.create_task(connection, "/there")
    assert not found(database, task_id).is_done
    with database.writing() as connection:
        tasks.end_task(connection, task_id)
    assert found(database, task_id).is_done


def test_task_that_fails(database: Database) -> None:
    with database.writing() as connection:
        task_id = tasks.create_task(connection, "/there")
        tasks.end_task(connection, task_id, "it broke")
    task = found(database, task_id)
    assert (task.is_done, task.problem) == (False, "it broke")


def test_failed_rendering_may_still_be_done(database: Database, message: Message) -> None:
    task_id = create(database, message)
    with database.writing() as connection:
        assert tasks.fail_rendering(connection, "it broke") == 1
    assert found(database, task_id).problem == "it broke"
    with database.writing() as connection:
        messages.set_rendered(connection, [(message, "a", ())])
        assert tasks.fail_rendering(connection, "it broke") == 0
    assert found(database, task_id).is_done


def test_delete_old_tasks(database: Database, message: Message) -> None:
    task_id = create(database, message)
    with database.writing() as connection:
        assert tasks.delete_old_tasks(connection, time.time() - 60) == 0
        assert tasks.delete_old_tasks(connection, time.time() + 60) == 1
    assert find(database, task_id) is None
