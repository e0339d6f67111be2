"""Post, edit and remove messages, without HTTP."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection

from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import Rooms
from ngw2f.api_resources import Message
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Forbidden, Gone, Invalid, KeyReused, NotFound, TooMany
from ngw2f.jobs.wakeup import RENDER, WakeUp
from ngw2f.observe.tracing import following
from ngw2f.store import messages as stored
from ngw2f.store import tasks
from ngw2f.store.message_pages import Page
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.users import UserRow
from tests.entries import entries_of
from tests.waiting import wait_until

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def listed(core: Core) -> Callable[..., list[Message]]:
    """Give a function that returns a room's messages as a reader sees them."""

    def read(room_id: int = LOBBY_ID, reader: UserRow | None = None) -> list[Message]:
        with core.database.reading() as connection:
            return stored.list_messages(connection, room_id, reader, Page())[0]

    return read


@both
def test_posted_message_is_stored_with_its_event(
    messages: Messages,
    ann: UserRow,
    listed: Callable[..., list[Message]],
    event_names: Callable[[], list[str]],
) -> None:
    posted = messages.post(ann, LOBBY_ID, "one\r\ntwo <3")
    assert listed() == [posted.message]
    assert posted.message.source == "one\ntwo <3"
    assert posted.message.html == "<p>one<br>\ntwo &lt;3</p>"
    assert posted.task_id is None
    assert event_names() == ["message.created"]


def test_event_is_in_the_stream_after_the_commit(
    core: Core, messages: Messages, ann: UserRow, redis: Redis
) -> None:
    messages.post(ann, LOBBY_ID, "hello")
    ((_id, fields),) = entries_of(redis, core.events.key)
    assert fields[b"event"] == b"message.created"


@both
def test_key_sent_again_posts_once(
    messages: Messages, ann: UserRow, listed: Callable[..., list[Message]]
) -> None:
    first = messages.post(ann, LOBBY_ID, "hello", key="k1")
    assert messages.post(ann, LOBBY_ID, "hello", key="k1") == first
    with pytest.raises(KeyReused):
        messages.post(ann, LOBBY_ID, "bye", key="k1")
    assert listed() == [first.message]


@both
def test_key_sent_twice_at_once_posts_once(
    messages: Messages,
    ann: UserRow,
    listed: Callable[..., list[Message]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two requests with one key are in one group, which is not stored one by one for that."""
    posts = messages._posts
    outcomes: list[int] = []
    sizes: list[int] = []

    def store(connection: Connection, group: Sequence[Any]) -> Any:
        sizes.append(len(group))
        return messages._store(connection, group)

    monkeypatch.setattr(posts, "_store", store)

    def post() -> None:
        outcomes.append(messages.post(ann, LOBBY_ID, "hello", key="k1").message.id)

    threads = [threading.Thread(target=post) for _ in range(2)]
    with posts._leading:
        for thread in threads:
            thread.start()
        assert wait_until(lambda: len(posts._waiting) == 2)
    for each in posts._waiting.copy():
        each.is_told.set()
    for thread in threads:
        thread.join()
    (message,) = listed()
    assert outcomes == [message.id, message.id]
    assert sizes == [2]


def test_message_keeps_the_id_of_its_request(core: Core, messages: Messages, ann: UserRow) -> None:
    with following("a-request"):
        message = messages.post(ann, LOBBY_ID, "hello").message
    with core.database.reading() as connection:
        assert stored.request_ids_of(connection, [message.id]) == {message.id: "a-request"}


def test_key_of_a_deleted_message(messages: Messages, ann: UserRow) -> None:
    message = messages.post(ann, LOBBY_ID, "hello", key="k1").message
    messages.remove(ann, message.id)
    with pytest.raises(Gone):
        messages.post(ann, LOBBY_ID, "hello", key="k1")


def test_task_asked_for_again_is_the_same(core: Core, messages: Messages, ann: UserRow) -> None:
    first = messages.post(ann, LOBBY_ID, "hello", key="k1", with_task=True)
    again = messages.post(ann, LOBBY_ID, "hello", key="k1", with_task=True)
    assert first.task_id == again.task_id
    with core.database.reading() as connection:
        task = tasks.find_task(connection, first.task_id or "", ann)
    assert task is not None
    assert task.location == first.message.links.self


@pytest.mark.parametrize("source", ["", " \n", "x" * 10_001, "a\0b", "\ud800"], ids=ascii)
def test_source_that_cannot_be_stored(
    messages: Messages, ann: UserRow, listed: Callable[..., list[Message]], source: str
) -> None:
    with pytest.raises(Invalid, match="a message"):
        messages.post(ann, LOBBY_ID, source)
    message = messages.post(ann, LOBBY_ID, "hello").message
    with pytest.raises(Invalid, match="a message"):
        messages.edit(ann, message.id, source)
    assert listed() == [message]


def test_nobody_posts_where_they_cannot_read(
    messages: Messages,
    rooms: Rooms,
    ann: UserRow,
    bob: UserRow,
    listed: Callable[..., list[Message]],
) -> None:
    den = rooms.create(ann, "den", private=True)
    for room_id in (den.id, 404):
        with pytest.raises(NotFound, match="there is no such room"):
            messages.post(bob, room_id, "hello")
    assert listed(den.id, ann) == []


@both
def test_edit(
    messages: Messages,
    ann: UserRow,
    listed: Callable[..., list[Message]],
    event_names: Callable[[], list[str]],
) -> None:
    message = messages.post(ann, LOBBY_ID, "helo").message
    edited = messages.edit(ann, message.id, "hello").message
    assert (edited.id, edited.source, edited.rendered) == (message.id, "hello", False)
    assert listed() == [edited]
    assert event_names() == ["message.created", "message.updated"]


@both
def test_remove(
    messages: Messages,
    ann: UserRow,
    listed: Callable[..., list[Message]],
    event_names: Callable[[], list[str]],
) -> None:
    message = messages.post(ann, LOBBY_ID, "hello").message
    assert messages.remove(ann, message.id) == message
    assert listed() == []
    assert event_names() == ["message.created", "message.deleted"]
    with pytest.raises(NotFound):
        messages.remove(ann, message.id)


def test_only_the_author_edits_and_removes(
    messages: Messages, ann: UserRow, bob: UserRow, listed: Callable[..., list[Message]]
) -> None:
    message = messages.post(ann, LOBBY_ID, "hello").message
    with pytest.raises(Forbidden):
        messages.edit(bob, message.id, "bye")
    with pytest.raises(Forbidden):
        messages.remove(bob, message.id)
    assert listed() == [message]


def test_each_write_has_its_limit(core: Core, one_each: Limits, ann: UserRow, bob: UserRow) -> None:
    messages = Messages(core, one_each, WakeUp(core.broker, RENDER))
    message = messages.post(ann, LOBBY_ID, "hello").message
    with pytest.raises(TooMany) as refused:
        messages.post(ann, LOBBY_ID, "hello")
    assert refused.value.policy == "post"
    messages.edit(ann, message.id, "bye")
    with pytest.raises(TooMany, match="edits"):
        messages.edit(ann, message.id, "hello")
    messages.remove(ann, message.id)
    with pytest.raises(TooMany, match="deletions"):
        messages.remove(ann, message.id)
    messages.post(bob, LOBBY_ID, "another account")


def test_refused_source_counts(core: Core, one_each: Limits, ann: UserRow) -> None:
    messages = Messages(core, one_each, WakeUp(core.broker, RENDER))
    with pytest.raises(Invalid):
        messages.post(ann, LOBBY_ID, "")
    with pytest.raises(TooMany):
        messages.post(ann, LOBBY_ID, "hello")
