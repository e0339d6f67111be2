import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from ngw2f.server.service import Service
from tests.client import Client


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("ann")


@pytest.fixture
def bob(client: Client, ann: dict[str, str]) -> dict[str, str]:
    return client.join("bob")


@pytest.fixture
def den(client: Client, ann: dict[str, str]) -> str:
    """Return the path of a private room of Ann's."""
    body = {"name": "den", "private": True}
    return str(client.post_json("/api/rooms", body, headers=ann, status=201).headers["Location"])


def names(client: Client, headers: dict[str, str] | None = None) -> list[str]:
    return [room["name"] for room in client.get("/api/rooms", headers=headers).json["rooms"]]


def test_create_room(client: Client, ann: dict[str, str]) -> None:
    answer = client.post_json("/api/rooms", {"name": "Tea"}, headers=ann, status=201)
    room = answer.json
    assert (room["name"], room["private"]) == ("Tea", False)
    assert room["_links"]["messages"] == f"/api/rooms/{room['id']}/messages"
    assert client.get(answer.headers["Location"]).json == room
    assert names(client) == ["lobby", "Tea"]


@pytest.mark.parametrize(
    "name", ["", " tea", "a/b", "a?b", "..", "x" * 65, "a\u0000", "Lobby", "lob\u200bby", 5, None]
)
def test_room_refused(client: Client, ann: dict[str, str], name: int | str | None) -> None:
    assert client.post_json("/api/rooms", {"name": name}, headers=ann).status_int == 400
    assert names(client) == ["lobby"]


def test_room_needs_account(client: Client) -> None:
    assert client.post_json("/api/rooms", {"name": "tea"}).status_int == 401
    assert names(client) == ["lobby"]


def test_name_is_stored_composed(client: Client, ann: dict[str, str]) -> None:
    """However the client composes its letters, the name has one form (and one URL)."""
    room = client.post_json("/api/rooms", {"name": "cafe\u0301"}, headers=ann).json
    assert room["name"] == "caf\u00e9"
    assert client.get("/rooms/caf%C3%A9").status_int == 200


@pytest.mark.parametrize("path", ["", "/messages", "/members"])
def test_private_room_is_not_there_for_others(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str], path: str
) -> None:
    assert client.get(den + path, headers=ann).status_int == 200
    assert client.get(den + path, headers=bob).status_int == 404
    assert client.get(den + path).status_int == 404


def test_private_room_is_not_listed(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str]
) -> None:
    assert (names(client, ann), names(client, bob)) == (["lobby", "den"], ["lobby"])


def test_private_rooms_name_is_free(client: Client, den: str, bob: dict[str, str]) -> None:
    """Whoever is refused a name would know that there is a private room of that name."""
    for private in (False, True):
        answer = client.post_json("/api/rooms", {"name": "den", "private": private}, headers=bob)
        assert answer.status_int == 201, answer.text
    assert client.post_json("/api/rooms", {"name": "Den"}, headers=bob).status_int == 400


def test_room_says_where_its_page_is(client: Client, den: str, ann: dict[str, str]) -> None:
    assert client.get(den, headers=ann).json["_links"]["page"] == "/rooms/den/2"
    room = client.post_json("/api/rooms", {"name": "it's (a) café!"}, headers=ann).json
    assert room["_links"]["page"] == "/rooms/it%27s%20%28a%29%20caf%C3%A9%21"


# What one may ask of a room, by its id or its name: {} is that of Ann's private room, or none.
QUESTIONS = [
    ("GET", "/api/rooms/{id}", {}),
    ("GET", "/api/rooms/{id}/messages", {}),
    ("GET", "/api/rooms/{id}/messages?after=0&limit=1", {}),
    ("POST", "/api/rooms/{id}/messages", {"source": "x"}),
    ("POST", "/api/rooms/{id}/messages", {"source": ""}),
    ("GET", "/api/rooms/{id}/members", {}),
    ("PUT", "/api/rooms/{id}/members/1", {}),
    ("PUT", "/api/rooms/{id}/members/404", {}),
    ("DELETE", "/api/rooms/{id}/members/1", {}),
    ("POST", "/api/rooms/{id}/typing", {}),
    ("GET", "/rooms/{name}", {}),
    ("POST", "/rooms/{name}", {"source": "x"}),
    ("POST", "/rooms/{name}/members", {"nickname": "ann"}),
    ("POST", "/rooms/{name}/members", {"nickname": "nobody"}),
    ("GET", "/rooms/{name}/{id}", {}),
    ("POST", "/rooms/{name}/{id}", {"source": "x"}),
    ("POST", "/rooms/{name}/{id}/members", {"nickname": "ann"}),
    ("GET", "/api/messages/{message}", {}),
    ("PUT", "/api/messages/{message}", {"source": "x"}),
    ("DELETE", "/api/messages/{message}", {}),
    ("GET", "/messages/{message}/edit", {}),
    ("POST", "/messages/{message}/edit", {"source": "x"}),
    ("POST", "/messages/{message}/delete", {}),
]


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_nobody_learns_whether_a_room_is_there(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str], is_signed_in: bool
) -> None:
    client.say(ann, "secret", f"{den}/messages")
    hidden = {"id": 2, "name": "den", "message": 1}
    nothing = {"id": 404, "name": "nil", "message": 404}
    headers = bob if is_signed_in else {}
    for method, path, fields in QUESTIONS:
        answer = _ask(client, method, path.format(**hidden), fields, headers)
        assert answer == _ask(client, method, path.format(**nothing), fields, headers)
        assert answer[0] in (401, 404)


def _ask(
    client: Client, method: str, path: str, fields: dict[str, str], headers: dict[str, str]
) -> tuple[int, str, dict[str, str]]:
    """Return all of the answer but what is never the same twice."""
    if path.startswith("/api/"):
        body, content_type = json.dumps(fields).encode(), "application/json"
    else:
        body, content_type = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    answer = client.request(
        path, method=method, body=body, content_type=content_type, headers=headers
    )
    passing = {"X-Request-ID", "RateLimit"}
    lasting = {name: value for name, value in answer.headers.items() if name not in passing}
    return answer.status_int, answer.text.replace(path, "PATH"), lasting


def test_others_cannot_post_to_private_room(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str]
) -> None:
    path = f"{den}/messages"
    assert client.post_json(path, {"source": "x"}, headers=bob).status_int == 404
    assert client.sources(path, headers=ann) == []


def test_private_message_is_not_there_for_others(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str]
) -> None:
    message = client.say(ann, "secret", f"{den}/messages")
    path = message["_links"]["self"]
    assert client.get(path, headers=ann).json["source"] == "secret"
    for call in (client.get, client.delete):
        assert call(path, headers=bob).status_int == 404
    assert client.put_json(path, {"source": "x"}, headers=bob).status_int == 404
    assert client.get(path).status_int == 404
    assert client.sources(f"{den}/messages", headers=ann) == ["secret"]


def test_invited_user_is_in(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str]
) -> None:
    client.put(f"{den}/members/2", headers=ann, status=204)
    users = client.get(f"{den}/members", headers=bob).json["users"]
    assert [user["nickname"] for user in users] == ["ann", "bob"]
    client.say(bob, "thanks", f"{den}/messages")


def test_member_leaves(client: Client, den: str, ann: dict[str, str], bob: dict[str, str]) -> None:
    client.put(f"{den}/members/2", headers=ann, status=204)
    client.delete(f"{den}/members/2", headers=bob, status=204)
    assert client.get(den, headers=bob).status_int == 404


def test_only_members_invite(
    client: Client, den: str, ann: dict[str, str], bob: dict[str, str]
) -> None:
    assert client.put(f"{den}/members/2", headers=bob).status_int == 404
    assert client.put("/api/rooms/1/members/2", headers=bob).status_int == 403
    assert client.delete("/api/rooms/1/members/1", headers=bob).status_int == 403
    assert client.put(f"{den}/members/404", headers=ann).status_int == 404
    assert client.put(f"{den}/members/2").status_int == 401
    users = client.get(f"{den}/members", headers=ann).json["users"]
    assert [user["nickname"] for user in users] == ["ann"]


@pytest.mark.parametrize("room_id", ["404", "0", "-1", "x", "2147483648", "99999999999"])
def test_unknown_room(client: Client, ann: dict[str, str], room_id: str) -> None:
    assert client.get(f"/api/rooms/{room_id}").status_int == 404
    path = f"/api/rooms/{room_id}/messages"
    assert client.post_json(path, {"source": "x"}, headers=ann).status_int == 404
    assert client.sources() == []


def test_rooms_of_an_account_are_bounded(build: Callable[..., Service]) -> None:
    client = Client(build(rooms_per_account=1))
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": "one"}, headers=ann, status=201)
    answer = client.post_json("/api/rooms", {"name": "two"}, headers=ann)
    assert answer.status_int == 403
    assert answer.json["detail"] == "you have made as many rooms as an account may: 1"
    assert names(client) == ["lobby", "one"]


@pytest.mark.parametrize(
    ("setting", "detail"),
    [
        ("memberships_per_account", "the user is in as many rooms as one may be: 1"),
        ("members_per_room", "the room has as many members as it may have: 1"),
    ],
)
def test_memberships_are_bounded(build: Callable[..., Service], setting: str, detail: str) -> None:
    client = Client(build(**{setting: 1}))
    ann, bob = client.join("ann"), client.join("bob")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    client.post_json("/api/rooms", {"name": "own"}, headers=bob, status=201)
    answer = client.put("/api/rooms/2/members/2", headers=ann)
    assert (answer.status_int, answer.json["detail"]) == (409, detail)
    assert client.get("/api/rooms/2", headers=bob).status_int == 404


def test_public_rooms_that_look_alike(client: Client) -> None:
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": "Coco"}, headers=ann, status=201)
    for name in ("\u0441\u043e\u0441\u043e", "coco", "C\u0254co\u3164", "coc\u043e"):
        assert client.post_json("/api/rooms", {"name": name}, headers=ann).status_int == 400
    # A private one says nothing of others, and nothing to them.
    room = {"name": "\u0441\u043e\u0441\u043e", "private": True}
    client.post_json("/api/rooms", room, headers=ann, status=201)
    room = {"name": "\u0432\u043e\u0440", "private": True}
    client.post_json("/api/rooms", room, headers=ann, status=201)
    client.post_json("/api/rooms", {"name": "\u0432\u043e\u0440"}, headers=ann, status=201)


def test_room_by_a_name_typed_on_another_keyboard(client: Client) -> None:
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": "cafe\u0301"}, headers=ann, status=201)
    for path in ("/rooms/caf%C3%A9", "/rooms/cafe%CC%81"):
        assert client.get(path).status_int == 200


@pytest.mark.parametrize("user_id", [99, 2**31])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_member_who_is_no_user(
    client: Client, den: str, ann: dict[str, str], method: str, user_id: int
) -> None:
    """schemathesis: a DELETE of an id that no row can have was 204."""
    answer = client.request(f"{den}/members/{user_id}", method=method, headers=ann)
    assert answer.status_int == 404
