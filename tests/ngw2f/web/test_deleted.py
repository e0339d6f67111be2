"""Messages that are deleted: who may bring them back, and that nobody else sees them meanwhile."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from ngw2f.jobs import upkeep
from ngw2f.jobs.context import JobContext
from ngw2f.server.service import Service
from ngw2f.store.deleted import RESTORE_SECONDS, forget_expired
from ngw2f.store.schema import deleted_messages, messages
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import page, texts

Headers = dict[str, str]
both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def ann(client: Client) -> Headers:
    return client.join("ann")


def let_pass(service: Service, seconds: float) -> None:
    """Make what was deleted older."""
    with service.services.core.database.writing() as connection:
        connection.execute(update(deleted_messages).values(deleted_at=time.time() - seconds))


@both
def test_author_brings_it_back(client: Client, ann: Headers, render: Callable[[], int]) -> None:
    bob = client.join("bob")
    path = client.say(ann, "*hello* @bob")["_links"]["self"]
    render()
    before = client.get(path).json
    client.delete(path, headers=ann, status=204)
    restored = client.post(f"{path}/restore", headers=ann, status=200).json
    assert restored == client.get(path).json
    assert (restored["source"], restored["rendered"], restored["mentions"]) == (
        *("*hello* @bob", False, []),
    )
    assert restored["created_at"] == before["created_at"]
    assert restored["updated_at"] > before["updated_at"]
    render()
    assert client.get(path).json["html"] == before["html"]
    assert [each["message"]["id"] for each in client.get("/api/inbox", headers=bob).json[
        "mentions"]] == [before["id"]]  # fmt: skip
    assert client.sources(f"/api/messages?updated_since={before['updated_at']}") == ["*hello* @bob"]
    assert client.post(f"{path}/restore", headers=ann).status_int == 404


def test_edited_message_stays_edited(client: Client, ann: Headers) -> None:
    path = client.say(ann, "a")["_links"]["self"]
    client.put_json(path, {"source": "b"}, headers=ann, status=204)
    edited_at = client.get(path).json["edited_at"]
    client.delete(path, headers=ann, status=204)
    assert client.post(f"{path}/restore", headers=ann).json["edited_at"] == edited_at


def test_nobody_else_brings_it_back_or_sees_it(
    client: Client, ann: Headers, render: Callable[[], int]
) -> None:
    bob = client.join("bob")
    path = client.say(ann, "secret word @bob")["_links"]["self"]
    render()
    client.delete(path, headers=ann, status=204)
    assert client.post(f"{path}/restore", headers=bob).status_int == 404
    assert client.post(f"{path}/restore").status_int == 401
    for headers in (ann, bob):
        assert client.get(path, headers=headers).status_int == 404
        for place in (
            *("/api/messages", "/api/messages?updated_since=0", "/api/messages?user_id=1"),
            *("/api/inbox", "/api/search?q=secret", "/", f"/?deleted={path[-1]}", "/inbox"),
            *("/search?q=secret", "/api/events?after=0&events=message.deleted"),
        ):
            assert b"secret word" not in client.get(place, headers={**BROWSER, **headers}).body
    # Only its author is asked.
    client.sign_in("bob")
    assert texts(page(client, f"/?deleted={path[-1]}"), ".undo") == []


def test_event_says_that_it_is_back(client: Client, ann: Headers) -> None:
    path = client.say(ann, "a")["_links"]["self"]
    client.delete(path, headers=ann, status=204)
    restored = client.post(f"{path}/restore", headers=ann).json
    events = client.get("/api/events?after=0&events=message.*").json["events"]
    assert [each["event"] for each in events] == [
        *("message.created", "message.deleted", "message.restored"),
    ]
    assert events[-1]["data"] == restored


@both
def test_restored_message_has_a_version_of_its_own(
    client: Client, service: Service, ann: Headers
) -> None:
    """Otherwise what a process knows of the one before would be shown for it."""
    path = client.say(ann, "a")["_links"]["self"]
    read = select(messages.c.version)
    with service.services.core.database.reading() as connection:
        before = connection.execute(read).scalar_one()
    client.delete(path, headers=ann, status=204)
    client.post(f"{path}/restore", headers=ann)
    with service.services.core.database.reading() as connection:
        assert connection.execute(read).scalar_one() > before


def test_not_all_that_is_too_old_is_destroyed_at_once(
    client: Client, service: Service, ann: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.store.deleted.FORGOTTEN", 2)
    for path in [client.say(ann, text)["_links"]["self"] for text in "abc"]:
        client.delete(path, headers=ann, status=204)
    let_pass(service, RESTORE_SECONDS + 1)
    left = select(deleted_messages.c.source)
    for expected in (["c"], []):
        with service.services.core.database.writing() as connection:
            forget_expired(connection)
            assert connection.scalars(left).all() == expected


def test_after_some_seconds_it_is_too_late(
    client: Client, service: Service, ann: Headers, job_context: JobContext
) -> None:
    path = client.say(ann, "a")["_links"]["self"]
    client.delete(path, headers=ann, status=204)
    upkeep.sweep()
    let_pass(service, RESTORE_SECONDS + 1)
    assert client.post(f"{path}/restore", headers=ann).status_int == 404
    # The next sweep destroys it.
    upkeep.sweep()
    with service.services.core.database.reading() as connection:
        assert connection.execute(select(deleted_messages)).all() == []


def test_who_left_the_room_brings_nothing_back(client: Client, ann: Headers) -> None:
    room = client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann).json
    path = client.say(ann, "a", room["_links"]["messages"])["_links"]["self"]
    client.delete(path, headers=ann, status=204)
    client.delete(f"{room['_links']['self']}/members/1", headers=ann, status=204)
    assert client.post(f"{path}/restore", headers=ann).status_int == 404
