import pytest


@pytest.fixture
def ann(client):
    return client.join("ann")


@pytest.fixture
def bob(client, ann):
    return client.join("bob")


@pytest.fixture
def den(client, ann):
    """Return the path of a private room of Ann's."""
    body = {"name": "den", "private": True}
    return client.post_json("/api/rooms", body, headers=ann, status=201).headers["Location"]


def names(client, headers=None):
    return [room["name"] for room in client.get("/api/rooms", headers=headers).json["rooms"]]


def test_create_room(client, ann):
    answer = client.post_json("/api/rooms", {"name": "Tea"}, headers=ann, status=201)
    room = answer.json
    assert (room["name"], room["private"]) == ("Tea", False)
    assert room["_links"]["messages"] == f"/api/rooms/{room['id']}/messages"
    assert client.get(answer.headers["Location"]).json == room
    assert names(client) == ["lobby", "Tea"]


@pytest.mark.parametrize(
    "name", ["", " tea", "a/b", "a?b", "..", "x" * 65, "a\u0000", "Lobby", "lob\u200bby", 5, None]
)
def test_room_refused(client, ann, name):
    assert client.post_json("/api/rooms", {"name": name}, headers=ann).status_int == 400
    assert names(client) == ["lobby"]


def test_room_needs_account(client):
    assert client.post_json("/api/rooms", {"name": "tea"}).status_int == 401
    assert names(client) == ["lobby"]


def test_name_is_stored_composed(client, ann):
    """However the client composes its letters, the name has one form (and one URL)."""
    room = client.post_json("/api/rooms", {"name": "cafe\u0301"}, headers=ann).json
    assert room["name"] == "caf\u00e9"
    assert client.get("/rooms/caf%C3%A9").status_int == 200


@pytest.mark.parametrize("path", ["", "/messages", "/members"])
def test_private_room_is_not_there_for_others(client, den, ann, bob, path):
    assert client.get(den + path, headers=ann).status_int == 200
    assert client.get(den + path, headers=bob).status_int == 404
    assert client.get(den + path).status_int == 404


def test_private_room_is_not_listed(client, den, ann, bob):
    assert (names(client, ann), names(client, bob)) == (["den", "lobby"], ["lobby"])


def test_others_cannot_post_to_private_room(client, den, ann, bob):
    path = f"{den}/messages"
    assert client.post_json(path, {"source": "x"}, headers=bob).status_int == 404
    assert client.sources(path, headers=ann) == []


def test_private_message_is_not_there_for_others(client, den, ann, bob):
    message = client.say(ann, "secret", f"{den}/messages")
    path = message["_links"]["self"]
    assert client.get(path, headers=ann).json["source"] == "secret"
    for call in (client.get, client.delete):
        assert call(path, headers=bob).status_int == 404
    assert client.put_json(path, {"source": "x"}, headers=bob).status_int == 404
    assert client.get(path).status_int == 404
    assert client.sources(f"{den}/messages", headers=ann) == ["secret"]


def test_invited_user_is_in(client, den, ann, bob):
    client.put(f"{den}/members/2", headers=ann, status=204)
    users = client.get(f"{den}/members", headers=bob).json["users"]
    assert [user["nickname"] for user in users] == ["ann", "bob"]
    client.say(bob, "thanks", f"{den}/messages")


def test_member_leaves(client, den, ann, bob):
    client.put(f"{den}/members/2", headers=ann, status=204)
    client.delete(f"{den}/members/2", headers=bob, status=204)
    assert client.get(den, headers=bob).status_int == 404


def test_only_members_invite(client, den, ann, bob):
    assert client.put(f"{den}/members/2", headers=bob).status_int == 404
    assert client.put("/api/rooms/1/members/2", headers=bob).status_int == 403
    assert client.delete("/api/rooms/1/members/1", headers=bob).status_int == 403
    assert client.put(f"{den}/members/404", headers=ann).status_int == 404
    assert client.put(f"{den}/members/2").status_int == 401
    users = client.get(f"{den}/members", headers=ann).json["users"]
    assert [user["nickname"] for user in users] == ["ann"]


@pytest.mark.parametrize("room_id", ["404", "0", "-1", "x", "2147483648", "99999999999"])
def test_unknown_room(client, ann, room_id):
    assert client.get(f"/api/rooms/{room_id}").status_int == 404
    path = f"/api/rooms/{room_id}/messages"
    assert client.post_json(path, {"source": "x"}, headers=ann).status_int == 404
    assert client.sources() == []
