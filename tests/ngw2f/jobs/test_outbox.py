import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from ngw2f.api_resources import Message
from ngw2f.crash_marks import CrashMark
from ngw2f.jobs import outbox as module
from ngw2f.jobs.context import JobContext, build_context
from ngw2f.jobs.outbox import MAX_BATCH, Batch
from ngw2f.settings import Settings
from ngw2f.store import messages, render_queue, rooms, search, users
from ngw2f.store.database import Database
from ngw2f.store.render_queue import MAX_ATTEMPTS
from ngw2f.store.schema import messages as table
from ngw2f.store.search import Wanted


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch take its time: a machine that pauses must not cut it short."""
    monkeypatch.setattr(module, "MAX_BATCH_SECONDS", 60)


@pytest.fixture
def write_as(database: Database) -> Callable[..., list[Message]]:
    people = {}

    def create(name: str, *sources: str) -> list[Message]:
        with database.writing() as connection:
            if name not in people:
                people[name] = users.create_user(connection, name, name, "hash").id
            room = rooms.find_room_named(connection, "lobby", None)
            assert room is not None
            return [
                messages.create_message(connection, room.id, people[name], source, source)
                for source in sources
            ]

    return create


@pytest.fixture
def write(write_as: Callable[..., list[Message]]) -> Callable[..., list[Message]]:
    return partial(write_as, "ann")


def next_batch(job_context: JobContext, render: Callable[[str], str] = str.upper) -> Batch:
    batch = job_context.outbox.render_batch(render)
    assert batch is not None
    return batch


def test_empty_outbox(job_context: JobContext) -> None:
    assert job_context.outbox.render_batch(str.upper) is None


def test_batch_is_rendered_and_stored(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database
) -> None:
    first, second = write("a", "b")
    stored = next_batch(job_context).messages
    assert [(message.id, message.html) for message in stored] == [(first.id, "A"), (second.id, "B")]
    assert job_context.outbox.render_batch(str.upper) is None
    with database.reading() as connection:
        assert messages.reload_message(connection, first) == stored[0]


def test_batches_have_a_size(job_context: JobContext, write: Callable[..., list[Message]]) -> None:
    write(*["a"] * (MAX_BATCH + 1))
    assert len(next_batch(job_context).messages) == MAX_BATCH
    assert len(next_batch(job_context).messages) == 1


def test_batches_have_a_time(
    job_context: JobContext, write: Callable[..., list[Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BATCH_SECONDS", 0)
    write("a", "b")
    assert len(next_batch(job_context).messages) == 1


def test_edited_meanwhile(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database, backend: str
) -> None:
    (message,) = write("before")

    def edit() -> None:
        with database.writing() as connection:
            messages.change_message(connection, message, "after", "after")

    def render_slowly(source: str) -> str:
        # On PostgreSQL the row is locked: the edit waits, and comes after the rendering.
        editor.start()
        editor.join(60 if backend == "sqlite" else 0.2)
        return source.upper()

    editor = threading.Thread(target=edit)
    stored = next_batch(job_context, render_slowly).messages
    editor.join()
    assert [m.html for m in stored] == ([] if backend == "sqlite" else ["BEFORE"])
    assert [m.html for m in next_batch(job_context).messages] == ["AFTER"]


def test_each_message_to_one_worker(
    settings: Settings, write: Callable[..., list[Message]]
) -> None:
    write(*[str(number) for number in range(250)])
    contexts = [build_context(settings) for _ in range(3)]
    rendered: list[int] = []

    def work(job_context: JobContext) -> None:
        while (stored := job_context.outbox.render_batch(str.upper)) is not None:
            rendered.extend(message.id for message in stored.messages)

    threads = [threading.Thread(target=work, args=[job_context]) for job_context in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job_context in contexts:
        job_context.close()
    assert len(rendered) == len(set(rendered)) == 250


def test_long_messages_of_one_delay_nobody(
    job_context: JobContext, write_as: Callable[..., list[Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BATCH_SECONDS", 0)  # So each has one message.
    rendered = []

    def render(source: str) -> str:
        end = time.thread_time() + (0.02 if source == "long" else 0)
        while time.thread_time() < end:
            pass
        rendered.append(source)
        return source

    write_as("eve", *["long"] * 60)
    write_as("ann", "a")
    job_context.outbox.render_batch(render)
    write_as("bob", "b")
    for _ in range(3):
        job_context.outbox.render_batch(render)
    assert rendered == ["long", "a", "b", "long"]


def test_batch_has_each_authors_oldest(
    job_context: JobContext, write_as: Callable[..., list[Message]]
) -> None:
    write_as("eve", *["e"] * MAX_BATCH)
    write_as("ann", "a")
    stored = next_batch(job_context).messages
    assert len(stored) == MAX_BATCH
    assert stored[1].html == "A"


def stumble(source: str) -> str:
    if source == "bad":
        raise ZeroDivisionError
    return source.upper()


def test_one_that_fails_holds_up_no_other(
    job_context: JobContext, write: Callable[..., list[Message]]
) -> None:
    write("a", "bad", "b")
    batch = next_batch(job_context, stumble)
    assert [message.html for message in batch.messages] == ["A", "B"]
    assert job_context.outbox.render_batch(stumble, batch.failed) is None


def test_one_that_failed_is_tried_last_and_alone(
    job_context: JobContext, write: Callable[..., list[Message]]
) -> None:
    write("bad")
    job_context.outbox.render_batch(stumble)
    write("a")
    write("b")
    sizes = [len(next_batch(job_context).messages) for _ in range(2)]
    assert sizes == [2, 1]


def test_one_that_fails_for_ever_is_set_aside(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database
) -> None:
    (bad,) = write("bad")
    for _ in range(MAX_ATTEMPTS):
        assert list(next_batch(job_context, stumble).failed) == [bad.id]
    assert job_context.outbox.render_batch(stumble) is None
    with database.reading() as connection:
        assert not render_queue.has_waiting(connection, bad.updated_at + 1)
        assert render_queue.list_set_aside(connection) == [bad.id]


def test_edited_is_tried_again(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database
) -> None:
    (bad,) = write("bad")
    for _ in range(MAX_ATTEMPTS):
        job_context.outbox.render_batch(stumble)
    with database.writing() as connection:
        messages.change_message(connection, bad, "better", "better")
    assert next_batch(job_context, stumble).messages[0].html == "BETTER"


def test_what_a_dead_worker_was_at_is_counted(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database
) -> None:
    (message,) = write("a")
    dead = CrashMark(Path(job_context.core.settings.data_dir) / "marks")
    dead.set(message.id)
    dead._map.close()  # As the kernel does.
    os.close(dead._file)
    for _ in range(2):
        job_context.outbox.note_crashes()
    with database.reading() as connection:
        assert connection.scalar(select(table.c.attempts)) == 1


def test_what_a_living_worker_is_at_is_not(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database
) -> None:
    (message,) = write("a")
    job_context.outbox._mark.set(message.id)
    job_context.outbox.note_crashes()
    with database.reading() as connection:
        assert connection.scalar(select(table.c.attempts)) == 0


def test_words_are_stored_with_the_html(
    job_context: JobContext, write: Callable[..., list[Message]], database: Database
) -> None:
    first, bad = write("hello", "hello bad")
    fail_on_bad(job_context)
    assert find(database, "hello") == [first.id]
    for _ in range(MAX_ATTEMPTS):
        fail_on_bad(job_context)
    # What is set aside is shown as it was typed, and found by it.
    with database.writing() as connection:
        search.index_messages(connection, 5)
    assert find(database, "hello") == [first.id, bad.id]
    with database.writing() as connection:
        render_queue.render_again(connection, [bad.id])
    assert find(database, "hello") == [first.id, bad.id]
    next_batch(job_context)
    assert find(database, "hello") == [first.id, bad.id]


def fail_on_bad(job_context: JobContext) -> None:
    def render(source: str) -> str:
        if "bad" in source:
            raise ValueError
        return source

    job_context.outbox.render_batch(render)


def find(database: Database, word: str) -> list[int]:
    with database.reading() as connection:
        found, _ = search.find_messages(connection, Wanted([(word,)]), None)
    return [message.id for message in found]
