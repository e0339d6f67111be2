"""Reactions: counted for all, once by each; their own readers' on the page; and nobody else's."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from ngw2f.actions.reactions import MAX_EMOJI
from ngw2f.server.service import Service
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import click, page, submit, texts

Headers = dict[str, str]
both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
THUMB, HEART = "\U0001f44d", "\u2764\ufe0f"


@pytest.fixture
def ann(client: Client) -> Headers:
    return client.join("ann")


def path_of(message: Any, emoji: str) -> str:
    return f"{message['_links']['self']}/reactions/{quote(emoji)}"


def react(client: Client, headers: Headers, message: Any, emoji: str, status: int = 200) -> Any:
    return client.put(path_of(message, emoji), headers=headers, status=status).json


def counts(client: Client, message: Any) -> list[tuple[str, int]]:
    found = client.get(message["_links"]["self"], status=200).json["reactions"]
    return [(each["emoji"], each["count"]) for each in found]


@both
def test_each_reacts_once(client: Client, ann: Headers, render: Callable[[], int]) -> None:
    bob = client.join("bob")
    said = client.say(ann, "hello")
    assert said["reactions"] == []
    react(client, bob, said, THUMB)
    assert react(client, bob, said, THUMB)["reactions"] == [{"emoji": THUMB, "count": 1}]
    react(client, ann, said, HEART)
    react(client, ann, said, THUMB)
    render()
    assert counts(client, said) == [(THUMB, 2), (HEART, 1)]
    (listed,) = client.get("/api/messages").json["messages"]
    assert listed == client.get(said["_links"]["self"]).json
    assert client.sources(f"/api/messages?updated_since={said['updated_at']}") == ["hello"]
    who = client.get(f"{said['_links']['self']}/reactions").json["reactions"]
    assert who == [{"emoji": THUMB, "user_ids": [2, 1]}, {"emoji": HEART, "user_ids": [1]}]
    for _ in range(2):
        client.delete(path_of(said, THUMB), headers=bob, status=200)
    assert counts(client, said) == [(HEART, 1), (THUMB, 1)]
    # They outlive an edit, and a deletion that is undone.
    path = said["_links"]["self"]
    client.put_json(path, {"source": "bye"}, headers=ann, status=204)
    client.delete(path, headers=ann, status=204)
    restored = client.post(f"{path}/restore", headers=ann).json
    assert restored["reactions"] == client.get(path).json["reactions"]
    render()
    # Ann's heart came before her thumb.
    assert counts(client, said) == [(HEART, 1), (THUMB, 1)]


def test_event_says_who_and_how_many(client: Client, ann: Headers) -> None:
    bob = client.join("bob")
    said = client.say(ann, "hello")
    react(client, bob, said, THUMB)
    react(client, bob, said, THUMB)
    client.delete(path_of(said, THUMB), headers=bob)
    found = client.get("/api/events?after=0&events=message.reacted").json["events"]
    told = [each["data"] for each in found]
    assert [(each["id"], each["room_id"], each["user_id"]) for each in told] == [(1, 1, 2)] * 2
    assert [(each["emoji"], each["added"]) for each in told] == [(THUMB, True), (THUMB, False)]
    assert [each["reactions"] for each in told] == [[{"emoji": THUMB, "count": 1}], []]
    assert told[1]["updated_at"] == client.get("/api/messages/1").json["updated_at"]


@pytest.mark.parametrize("wrong", ["a", THUMB * 2, "<b>", "%00"])
def test_only_one_emoji(client: Client, ann: Headers, wrong: str) -> None:
    said = client.say(ann, "hello")
    react(client, ann, said, wrong, status=400)


def test_only_so_many_different_ones(client: Client, ann: Headers) -> None:
    said = client.say(ann, "hello")
    some = [chr(0x1F600 + number) for number in range(MAX_EMOJI + 1)]
    for emoji in some[:-1]:
        react(client, ann, said, emoji)
    react(client, ann, said, some[-1], status=409)
    react(client, client.join("bob"), said, some[0])
    assert len(counts(client, said)) == MAX_EMOJI


def test_what_one_may_not_see_takes_no_reaction(client: Client, ann: Headers) -> None:
    den = client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann).json
    secret = client.say(ann, "secret", den["_links"]["messages"])
    react(client, ann, secret, THUMB)
    bob = client.join("bob")
    react(client, bob, secret, THUMB, status=404)
    client.delete(path_of(secret, THUMB), headers=bob, status=404)
    react(client, {}, secret, THUMB, status=401)
    for headers, status in ((bob, 404), ({}, 404), (ann, 200)):
        path = f"{secret['_links']['self']}/reactions"
        assert client.get(path, headers=headers).status_int == status
    events = client.get("/api/events?after=0&events=message.reacted&wait=0", headers=bob)
    assert events.json["events"] == []
    form = {"emoji": THUMB}
    path = f"/messages/{secret['id']}"
    assert client.post(f"{path}/reactions", form, headers=bob).status_int == 404
    assert client.get(f"{path}/react", headers={**bob, **BROWSER}).status_int == 404


def test_room_that_is_archived_takes_none(client: Client, ann: Headers) -> None:
    room = client.post_json("/api/rooms", {"name": "old"}, headers=ann).json
    said = client.say(ann, "hello", room["_links"]["messages"])
    client.put_json(room["_links"]["self"], {"archived": True}, headers=ann, status=200)
    react(client, ann, said, THUMB, status=409)


def test_by_forms(client: Client, ann: Headers) -> None:
    said = client.say(ann, "hello")
    react(client, ann, said, THUMB)
    client.sign_in("bob")
    chooser = click(client, page(client), "React")
    answer = form_with(chooser, other=HEART)
    assert (answer.status_int, answer.headers["Location"]) == (303, "/messages/1")
    shown = page(client)
    assert texts(shown, ".reactions button") == [f"{THUMB} 1", f"{HEART} 1"]
    assert texts(shown, ".reactions [aria-pressed=true]") == [f"{HEART} 1"]
    # The same form takes it away again.
    client.post("/messages/1/reactions", {"emoji": HEART}, headers=BROWSER, status=303)
    assert texts(page(client), ".reactions button") == [f"{THUMB} 1"]
    client.reset()
    assert [each["disabled"] for each in page(client).html.select(".reactions button")] == [""]


def form_with(chooser: Any, **fields: str) -> Any:
    return submit(chooser, "/messages/1/reactions", **fields)


def test_page_of_events_has_the_markup(client: Client, ann: Headers, service: Service) -> None:
    said = client.say(ann, "hello")
    react(client, ann, said, THUMB)
    client.delete(path_of(said, THUMB), headers=ann)
    events = client.get("/api/events?after=0&events=message.reacted&as=page").json["events"]
    first, second = (each["data"] for each in events)
    assert 'aria-pressed="false"' in first["fragment"]
    assert (first["emoji"], first["added"], second["fragment"]) == (THUMB, True, "")
