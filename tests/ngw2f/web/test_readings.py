"""Unread messages by the API and by forms: for each account its own, and for nobody else."""

from collections.abc import Callable
from typing import Any

import pytest

from ngw2f.api_resources import MAX_ID
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import form_of, page, submit, texts

Headers = dict[str, str]


@pytest.fixture
def ann(client: Client) -> Headers:
    return client.join("ann")


@pytest.fixture
def bob(client: Client, ann: Headers) -> Headers:
    return client.join("bob")


def room_of(client: Client, headers: Headers, room_id: int = 1) -> Any:
    rooms = client.get("/api/rooms", headers=headers, status=200).json["rooms"]
    (room,) = [each for each in rooms if each["id"] == room_id]
    # Alone it is the same.
    assert client.get(f"/api/rooms/{room_id}", headers=headers, status=200).json == room
    return room


def mark(client: Client, headers: Headers, what: str, message_id: int, room_id: int = 1) -> Any:
    path = f"/api/rooms/{room_id}/{what}"
    return client.put_json(path, {"message_id": message_id}, headers=headers, status=200).json


def test_unread_messages_are_counted(client: Client, ann: Headers, bob: Headers) -> None:
    ids = [client.say(ann, text)["id"] for text in ("a", "b", "c")]
    room = room_of(client, bob)
    assert {name: room[name] for name in ("unread", "mentions", "last_read_id", "muted")} == {
        "unread": 3,
        "mentions": 0,
        "last_read_id": 0,
        "muted": False,
    }
    reading = mark(client, bob, "read", ids[1])
    assert reading == {
        "room_id": 1,
        "user_id": 2,
        "last_read_id": ids[1],
        "unread": 1,
        "mentions": 0,
        "muted": False,
        "in_room": True,
        "mention_ids": [],
    }
    assert room_of(client, bob)["unread"] == 1


def test_position_moves_back_by_marking_alone(client: Client, ann: Headers, bob: Headers) -> None:
    ids = [client.say(ann, text)["id"] for text in ("a", "b", "c")]
    mark(client, bob, "read", ids[2])
    assert mark(client, bob, "read", ids[0])["last_read_id"] == ids[2]
    assert mark(client, bob, "unread", ids[1])["unread"] == 2
    assert room_of(client, bob)["unread"] == 2
    # Nor does marking go forward.
    assert mark(client, bob, "unread", ids[2])["unread"] == 2


def test_all_is_unread_from_no_message_on(client: Client, ann: Headers, bob: Headers) -> None:
    """No message comes before the first, so no id of one is in the way to what is new."""
    client.say(ann, "a")
    mark(client, bob, "read", 1)
    reading = mark(client, bob, "unread", 0)
    assert (reading["last_read_id"], reading["unread"]) == (0, 1)


def test_what_is_yet_to_come_is_not_read(client: Client, ann: Headers, bob: Headers) -> None:
    newest = client.say(ann, "a")["id"]
    assert mark(client, bob, "read", MAX_ID)["last_read_id"] == newest
    client.say(ann, "b")
    assert room_of(client, bob)["unread"] == 1


def test_event_is_for_its_account_alone(client: Client, ann: Headers, bob: Headers) -> None:
    message_id = client.say(ann, "a")["id"]
    reading = mark(client, bob, "read", message_id)

    def heard(headers: Headers, query: str = "") -> list[Any]:
        answer = client.get(f"/api/events?after=0{query}", headers=headers, status=200)
        told = answer.json["events"]
        return [each["data"] for each in told if each["event"] == "unread.updated"]

    assert heard(bob) == [reading]
    assert (heard(ann), heard({})) == ([], [])
    assert heard(bob, "&events=message.*") == []
    assert heard(bob, "&events=unread.*") == [reading]
    assert heard(bob, "&rooms=1") == [reading]


def test_rooms_of_one_are_not_those_of_another(client: Client, ann: Headers, bob: Headers) -> None:
    """Whatever is stored in between, and whoever asked first."""
    client.say(ann, "a")
    for path in ("/api/rooms", "/api/rooms/1"):
        answers = [client.get(path, headers=each, status=200) for each in (bob, ann, {}, bob, ann)]
        found = [each.json.get("rooms", [each.json])[0].get("unread") for each in answers]
        assert found == [1, 0, None, 1, 0]
        for answer in answers:
            assert {"Authorization", "Cookie"} <= set(answer.headers["Vary"].split(", "))
        assert all("private" in each.headers["Cache-Control"] for each in answers[:2])


def test_known_version_of_the_rooms_is_not_sent_again(
    client: Client, ann: Headers, bob: Headers
) -> None:
    tag = client.get("/api/rooms", headers=bob, status=200).headers["ETag"]
    known = {**bob, "If-None-Match": tag}
    assert client.get("/api/rooms", headers=known).status_int == 304
    client.say(ann, "a")
    assert client.get("/api/rooms", headers=known).status_int == 200


@pytest.mark.parametrize(
    ("who", "status"), [("nobody", 401), ("stranger", 404), ("member", 200), ("former", 404)]
)
@pytest.mark.parametrize("what", ["read", "unread"])
def test_who_may_mark(client: Client, who: str, status: int, what: str) -> None:
    ann = client.join("ann")
    headers: dict[str, Headers] = {name: client.join(name) for name in ("stranger", "member")}
    headers |= {"former": client.join("former"), "nobody": {}}
    den = client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann).json
    members = f"/api/rooms/{den['id']}/members"
    for user_id in (3, 4):
        client.put(f"{members}/{user_id}", headers=ann, status=204)
    client.delete(f"{members}/4", headers=ann, status=204)
    message = client.say(ann, "secret", f"/api/rooms/{den['id']}/messages")
    path = f"/api/rooms/{den['id']}/{what}"
    answer = client.put_json(path, {"message_id": message["id"]}, headers=headers[who])
    assert answer.status_int == status
    if status != 200 and who != "nobody":
        rooms = client.get("/api/rooms", headers=headers[who], status=200).json["rooms"]
        assert [room["name"] for room in rooms] == ["lobby"]


@pytest.mark.parametrize("body", ["{}", '{"message_id": -1}', '{"message_id": "x"}', "x"])
def test_wrong_place_changes_nothing(client: Client, ann: Headers, body: str) -> None:
    headers = {**ann, "Content-Type": "application/json"}
    assert client.put("/api/rooms/1/read", body, headers=headers).status_int == 400


def test_page_says_what_is_new(client: Client, ann: Headers) -> None:
    """By links and forms, without a script."""
    client.sign_in("bob")
    client.post_json("/api/rooms", {"name": "tea"}, headers=ann, status=201)
    ids = [client.say(ann, text)["id"] for text in ("a", "b", "c")]
    client.say(ann, "elsewhere", "/api/rooms/2/messages")
    answer = page(client)
    assert texts(answer, "title") == ["(4) lobby · NGW2F"]
    assert "icon-unread" in answer.html.select_one("#icon")["href"]
    assert texts(answer, ".rooms .count") == ["3 unread", "1 unread"]
    assert texts(answer, ".news a") == ["3 new since you were here"]
    answer = submit(answer, "/rooms/lobby/read")
    assert answer.headers["Location"] == "/rooms/lobby"
    answer = page(client)
    assert texts(answer, "title") == ["(1) lobby · NGW2F"]
    assert answer.html.select_one(".news[hidden]")
    assert texts(answer, ".since") == []
    answer = submit(answer, f"/messages/{ids[1]}/unread")
    assert answer.headers["Location"] == "/rooms/lobby#new"
    line = page(client).html.select_one("#new")
    assert line.find_next_sibling("li")["id"] == f"m{ids[1]}"
    assert page(client, "/rooms").html.select(".all-rooms .count")


def test_way_to_the_first_new_message(client: Client, ann: Headers) -> None:
    """It may be on an older page than the one that is shown."""
    first = client.say(ann, "before")["id"]
    client.sign_in("bob")
    for number in range(3):
        client.say(ann, str(number))
    answer = page(client, "/rooms/lobby?limit=2")
    assert texts(answer, ".since") == []
    assert answer.html.select_one(".news a")["href"] == f"?after={first}#new"
    answer = page(client, f"/rooms/lobby?limit=2&after={first}")
    assert texts(answer, ".messages > li:first-child") == ["New since you were here"]
    answer = page(client, "/rooms/lobby?limit=3")
    assert answer.html.select_one(".news a")["href"] == "#new"
    assert texts(answer, ".messages > li:first-child") == ["New since you were here"]
    # Before it there is nothing on this page, but something in the room.
    assert texts(page(client, f"/rooms/lobby?limit=2&after={first + 1}"), ".since") == []


def test_text_for_curl_counts(client: Client, ann: Headers, bob: Headers) -> None:
    client.say(ann, "a")
    text = client.get("/rooms/lobby", headers={**bob, "Accept": "text/plain"}, status=200).text
    assert "lobby (1 unread)" in text


def test_form_with_a_wrong_place_is_refused(client: Client) -> None:
    client.sign_in("ann")
    for wrong in ("", "-1", "x", "9" * 30):
        answer = client.post("/rooms/lobby/read", {"message_id": wrong}, headers=BROWSER)
        assert answer.status_int == 400


def test_private_room_is_marked_by_its_own_path(client: Client, ann: Headers) -> None:
    client.sign_in("bob")
    path = submit(page(client), "/rooms", name="den", private="1").headers["Location"]
    submit(page(client, path), path, source="a")
    answer = submit(
        submit(page(client, path), "/messages/1/unread").follow(headers=BROWSER), f"{path}/read"
    )
    assert answer.headers["Location"] == path
    assert form_of(page(client, path), f"{path}/read")


def test_own_message_that_is_deleted_leaves_the_rest_read(
    client: Client, ann: Headers, bob: Headers, render: Callable[[], int]
) -> None:
    client.say(ann, "a")
    own = client.say(bob, "b")
    client.delete(own["_links"]["self"], headers=bob, status=204)
    assert room_of(client, bob)["unread"] == 0
