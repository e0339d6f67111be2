"""What an account's user gets of the chat: all of it, and nothing of others."""

from collections.abc import Callable

import pytest

from tests.client import Client


def test_export_has_all_that_is_ones_own(client: Client, render: Callable[[], int]) -> None:
    ann, bob = client.join("ann"), client.join("bob")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=bob, status=201)
    client.put("/api/rooms/2/members/1", headers=bob, status=204)
    client.say(ann, "first")
    client.say(ann, "secret", "/api/rooms/2/messages")
    client.say(bob, "@ann", "/api/rooms/2/messages")
    client.say(bob, "hello @ann")
    render()
    client.put("/api/messages/4/reactions/%F0%9F%91%8D", headers=ann, status=200)
    client.put_json("/api/rooms/1/read", {"message_id": 1}, headers=ann, status=200)
    answer = client.get("/api/users/1/export", headers=ann, status=200)
    assert answer.headers["Content-Disposition"] == ('attachment; filename="ngw2f-account-1.json"')
    assert answer.headers["Cache-Control"] == "private, no-store"
    found = answer.json
    account = found["account"]
    assert (account["nickname"], account["theme"], account["language"]) == (
        "ann",
        "system",
        "system",
    )
    assert [token["current"] for token in found["tokens"]] == [True]
    assert [(room["name"], room["private"]) for room in found["rooms"]] == [("den", True)]
    assert [each["source"] for each in found["messages"]] == ["first", "secret"]
    assert [(each["message_id"], each["emoji"]) for each in found["reactions"]] == [
        (4, "\N{THUMBS UP SIGN}")
    ]
    assert found["readings"] == [{"room_id": 1, "last_read_id": 1, "muted": False}]
    assert [each["message_id"] for each in found["mentions"]] == [3, 4]
    client.delete("/api/rooms/2/members/1", headers=ann, status=204)
    found = client.get("/api/users/1/export", headers=ann, status=200).json
    assert found["rooms"] == []
    assert [each["source"] for each in found["messages"]] == ["first", "secret"]
    assert [each["message_id"] for each in found["mentions"]] == [4]


def test_nothing_of_where_one_read_in_a_room_that_one_left(client: Client) -> None:
    ann, bob = client.join("ann"), client.join("bob")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=bob, status=201)
    client.put("/api/rooms/2/members/1", headers=bob, status=204)
    client.say(bob, "hello", "/api/rooms/2/messages")
    client.put_json("/api/rooms/2/read", {"message_id": 1}, headers=ann, status=200)
    found = client.get("/api/users/1/export", headers=ann, status=200).json
    assert [each["room_id"] for each in found["readings"]] == [2]
    client.delete("/api/rooms/2/members/1", headers=ann, status=204)
    found = client.get("/api/users/1/export", headers=ann, status=200).json
    assert found["readings"] == []


def test_direct_messages_are_called_after_the_others(client: Client) -> None:
    ann = client.join("ann")
    for name in ("bob", "cleo"):
        client.join(name)
    client.post_json("/api/direct", {"user_ids": [3, 2]}, headers=ann, status=201)
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    found = client.get("/api/users/1/export", headers=ann, status=200).json["rooms"]
    assert [(room["id"], room["name"]) for room in found] == [(2, "bob, cleo"), (3, "den")]
    assert all(room["private"] and room["joined_at"] for room in found)


def test_export_goes_on_after_each_part(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngw2f.store.own_data.PART", 2)
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    for number in range(5):
        client.say(ann, f"in the lobby {number}")
        client.say(ann, f"in the den {number}", "/api/rooms/2/messages")
    found = client.get("/api/users/1/export", headers=ann, status=200).json["messages"]
    assert [(each["room_id"], each["id"]) for each in found] == [
        *((1, number) for number in (1, 3, 5, 7, 9)),
        *((2, number) for number in (2, 4, 6, 8, 10)),
    ]


def test_nobody_elses_export(client: Client) -> None:
    client.register("ann")
    bob = client.join("bob")
    assert client.get("/api/users/1/export", headers=bob).status_int == 403
    assert client.get("/api/users/1/export").status_int == 401
    for _ in range(6):
        client.get("/api/users/2/export", headers=bob, status=200)
    assert client.get("/api/users/2/export", headers=bob).status_int == 429
