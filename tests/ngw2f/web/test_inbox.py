"""Mentions: who is told of them, and who is not, by the API and on the page."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.ngw2f.web.browsing import page, submit, texts

Headers = dict[str, str]
Render = Callable[[], int]


@pytest.fixture
def people(client: Client) -> dict[str, Headers]:
    """Return who is there: users 1 to 4, and nobody."""
    users = {name: client.join(name) for name in ("ann", "bob", "stranger", "former")}
    return {**users, "nobody": {}}


@pytest.fixture
def den(client: Client, people: dict[str, Headers]) -> str:
    """Return the path of a private room (2) of Ann's and Bob's, which another one has left."""
    body = {"name": "den", "private": True}
    path = client.post_json("/api/rooms", body, headers=people["ann"]).json["_links"]["self"]
    for user_id in (2, 4):
        client.put(f"{path}/members/{user_id}", headers=people["ann"], status=204)
    return str(path)


def inbox(client: Client, headers: Headers, query: str = "") -> list[Any]:
    found: list[Any] = client.get(f"/api/inbox{query}", headers=headers, status=200).json[
        "mentions"
    ]
    return found


def sources(client: Client, headers: Headers) -> list[str]:
    return [each["message"]["source"] for each in inbox(client, headers)]


def test_mention_is_found_when_it_is_rendered(
    client: Client, people: dict[str, Headers], render: Render
) -> None:
    message = client.say(people["ann"], "Hello @Bob, and `@stranger`")
    assert message["mentions"] == []
    render()
    path = message["_links"]["self"]
    rendered = client.get(path, status=200).json
    assert (rendered["mentions"], rendered["mentions_room"]) == ([2], False)
    assert '<span class="mention">@Bob</span>' in rendered["html"]
    (found,) = inbox(client, people["bob"])
    assert found["message"] == rendered
    assert (found["room"]["name"], found["unread"]) == ("lobby", True)
    events = client.get("/api/events?after=0&events=message.updated").json["events"]
    assert [each["data"]["mentions"] for each in events] == [[2]]
    client.put_json("/api/rooms/1/read", {"message_id": message["id"]}, headers=people["bob"])
    assert [each["unread"] for each in inbox(client, people["bob"])] == [False]


def test_count_of_mentions(client: Client, people: dict[str, Headers], render: Render) -> None:
    ids = [client.say(people["ann"], text)["id"] for text in ("@bob", "no", "@bob @bob")]
    # Of the author's own there is none.
    client.say(people["bob"], "@bob")
    client.put_json("/api/rooms/1/unread", {"message_id": ids[0]}, headers=people["bob"])
    render()
    room = client.get("/api/rooms/1", headers=people["bob"], status=200).json
    assert (room["unread"], room["mentions"]) == (4, 2)
    assert room["mention_ids"] == [ids[0], ids[2]]
    others = client.get("/api/rooms/1", headers=people["stranger"], status=200).json
    assert (others["unread"], others["mentions"]) == (4, 0)


def test_edit_changes_who_is_mentioned(
    client: Client, people: dict[str, Headers], render: Render
) -> None:
    path = client.say(people["ann"], "@bob")["_links"]["self"]
    render()
    client.put_json(path, {"source": "@stranger"}, headers=people["ann"], status=204)
    render()
    assert (sources(client, people["bob"]), sources(client, people["stranger"])) == (
        [],
        ["@stranger"],
    )
    assert client.get(path).json["mentions"] == [3]
    client.delete(path, headers=people["ann"], status=204)
    assert sources(client, people["stranger"]) == []


@pytest.mark.parametrize(
    ("who", "found"), [("bob", ["@bob"]), ("stranger", []), ("former", []), ("ann", [])]
)
def test_private_room_is_told_to_its_members_alone(
    client: Client, people: dict[str, Headers], den: str, render: Render, who: str, found: list[str]
) -> None:
    ids = [
        client.say(people["ann"], f"@{each}", f"{den}/messages")["id"]
        for each in ("bob", "stranger", "former")
    ]
    render()
    # Who is no member is not even told apart from a name that nobody has.
    message = client.get(f"/api/messages/{ids[1]}", headers=people["ann"], status=200).json
    assert (message["mentions"], message["html"]) == ([], "<p>@stranger</p>")
    client.delete(f"{den}/members/4", headers=people["ann"], status=204)
    assert sources(client, people[who]) == found


def test_who_comes_back_is_not_told_of_before(
    client: Client, people: dict[str, Headers], den: str, render: Render
) -> None:
    client.say(people["ann"], "@former @room", f"{den}/messages")
    render()
    assert sources(client, people["former"]) == ["@former @room"]
    client.delete(f"{den}/members/4", headers=people["ann"], status=204)
    client.say(people["ann"], "@room", f"{den}/messages")
    render()
    assert sources(client, people["former"]) == []
    assert sources(client, people["bob"]) == ["@room", "@former @room"]


def test_who_leaves_a_public_room_is_told_all_the_same(
    client: Client, people: dict[str, Headers], render: Render
) -> None:
    room = client.post_json("/api/rooms", {"name": "tea"}, headers=people["ann"], status=201).json
    path = room["_links"]["self"]
    client.put(f"{path}/members/2", headers=people["ann"], status=204)
    client.say(people["ann"], "@bob", f"{path}/messages")
    render()
    client.delete(f"{path}/members/2", headers=people["ann"], status=204)
    assert sources(client, people["bob"]) == ["@bob"]


def test_nobody_has_no_inbox(client: Client) -> None:
    assert client.get("/api/inbox").status_int == 401
    page(client, "/inbox", 401)


def test_all_in_a_room(client: Client, people: dict[str, Headers], render: Render) -> None:
    """Those who have come to it, or are members; not all who might."""
    client.put_json("/api/rooms/1/read", {"message_id": 0}, headers=people["bob"], status=200)
    client.say(people["ann"], "@room, look")
    render()
    assert sources(client, people["bob"]) == ["@room, look"]
    assert sources(client, people["stranger"]) == []
    counts = [
        client.get("/api/rooms/1", headers=people[who]).json["mentions"]
        for who in ("bob", "stranger")
    ]
    assert counts == [1, 0]


def test_muted_room_is_quiet_but_for_names(
    client: Client, people: dict[str, Headers], render: Render
) -> None:
    bob = people["bob"]
    reading = client.put("/api/rooms/1/mute", headers=bob, status=200).json
    assert (reading["muted"], reading["in_room"]) == (True, True)
    client.say(people["ann"], "@room")
    client.say(people["ann"], "@bob")
    render()
    room = client.get("/api/rooms/1", headers=bob).json
    assert (room["muted"], room["unread"], room["mentions"]) == (True, 2, 1)
    assert sources(client, bob) == ["@bob"]
    assert client.delete("/api/rooms/1/mute", headers=bob, status=200).json["mentions"] == 2
    assert sources(client, bob) == ["@bob", "@room"]


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("stranger", 404), ("bob", 200)])
def test_who_may_mute(
    client: Client, people: dict[str, Headers], den: str, who: str, status: int
) -> None:
    assert client.put(f"{den}/mute", headers=people[who]).status_int == status
    assert client.delete(f"{den}/mute", headers=people[who]).status_int == status


def test_inbox_in_pages(client: Client, people: dict[str, Headers], render: Render) -> None:
    client.put_json("/api/rooms/1/read", {"message_id": 0}, headers=people["bob"])
    for number in range(5):
        client.say(people["ann"], f"@{'room' if number % 2 else 'bob'} {number}")
    render()
    seen, path = [], "/api/inbox?limit=2"
    while path:
        answer = client.get(path, headers=people["bob"], status=200)
        seen += [each["message"]["source"][-1] for each in answer.json["mentions"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == ["4", "3", "2", "1", "0"]
    assert "Authorization" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_page_shows_who_is_mentioned(client: Client, render: Render) -> None:
    ann = client.join("ann")
    client.sign_in("bob")
    assert texts(page(client, "/inbox"), ".empty") == ["Nobody has mentioned you."]
    for number in range(3):
        client.say(ann, f"@bob {number}")
    render()
    answer = page(client)
    assert texts(answer, ".inbox .count") == ["3 unread, 3 for you"]
    assert texts(answer, ".rooms .count.calls") == ["3 unread, 3 for you"]
    assert texts(answer, ".message.calls .mention") == ["@bob"] * 3
    answer = page(client, "/inbox?limit=2")
    assert texts(answer, ".message .text") == ["@bob 2", "@bob 1"]
    assert texts(answer, ".message .place") == ["# lobby"] * 2
    older = answer.html.select_one("a[rel=next]")["href"]
    assert texts(page(client, older), ".message .text") == ["@bob 0"]


def test_room_is_muted_by_a_form(client: Client, render: Render) -> None:
    ann = client.join("ann")
    client.sign_in("bob")
    answer = submit(page(client), "/rooms/lobby/mute")
    assert answer.headers["Location"] == "/rooms/lobby"
    client.say(ann, "a")
    answer = page(client)
    assert texts(answer, "title") == ["lobby · NGW2F"]
    assert answer.html.select_one(".rooms a[data-muted] .count")
    assert texts(answer, ".heading button") == ["Unmute"]
    submit(answer, "/rooms/lobby/mute")
    assert texts(page(client), "title") == ["(1) lobby · NGW2F"]


def test_room_with_a_mention_is_near(
    client: Client, people: dict[str, Headers], render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others are busier."""
    monkeypatch.setattr("ngw2f.web.pages.MAX_NEAR_ROOMS", 3)
    for number in range(5):
        body = {"name": f"tea {number}"}
        client.post_json("/api/rooms", body, headers=people["ann"], status=201)
    client.say(people["ann"], "@bob", "/api/rooms/2/messages")
    for number in range(3, 6):
        client.say(people["ann"], "busy", f"/api/rooms/{number}/messages")
    render()
    client.sign_in("bob")
    assert page(client).html.select_one('.rooms a[data-room="2"] .calls')
