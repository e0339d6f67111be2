"""What is left of an account that its user deletes, and who may delete it."""

import pytest

from tests.client import BROWSER, PASSWORD, Client, basic
from tests.ngw2f.web.browsing import page, submit, texts

ANN = {"Authorization": basic("ann", PASSWORD)}


def join_both(client: Client) -> tuple[dict[str, str], dict[str, str]]:
    """Register Ann, and Bob who stays as administrator when she goes."""
    ann, bob = client.join("ann"), client.join("bob")
    client.put("/api/users/2/administrator", headers=ann, status=204)
    return ann, bob


def test_messages_stay_as_of_a_deleted_account(client: Client) -> None:
    ann, bob = join_both(client)
    client.say(ann, "by ann")
    client.delete("/api/users/1", headers=ANN, status=204)
    assert client.get("/api/rooms", headers=ann).status_int == 401
    assert client.ask_token("ann", PASSWORD).status_int == 401
    assert client.sources() == ["by ann"]
    assert client.get("/api/users/1", headers=bob).json["nickname"] == "deleted account"
    assert texts(page(client, "/"), ".message .nickname") == ["deleted account"]
    listed = client.get("/api/users", headers=bob).json["users"]
    assert [user["nickname"] for user in listed] == ["bob"]
    changed = client.get("/api/users?updated_since=0", headers=bob).json["users"]
    assert [user["nickname"] for user in changed] == ["deleted account", "bob"]


def test_nickname_is_free_and_the_other_one_is_nobodys(client: Client) -> None:
    ann = client.join("ann")
    client.say(ann, "by the first")
    client.delete("/api/users/1", headers=ANN, status=204)
    assert client.register("Ann") == 2
    for taken in ("deleted account", "Deleted  Account"):
        body = {"nickname": taken, "password": PASSWORD}
        assert client.post_json("/api/users", body).status_int == 400
    assert client.sign_in("\x7f1", "").status_int == 400
    assert texts(page(client, "/"), ".message .nickname") == ["deleted account"]


@pytest.mark.parametrize(
    ("nickname", "password", "status"),
    [("ann", "wrong", 401), ("bob", PASSWORD, 403), ("eve", PASSWORD, 401)],
)
def test_nobody_else_deletes_it(client: Client, nickname: str, password: str, status: int) -> None:
    ann = client.join("ann")
    client.register("bob")
    assert client.delete("/api/users/1", headers=ann).status_int == 401
    headers = {"Authorization": basic(nickname, password)}
    assert client.delete("/api/users/1", headers=headers).status_int == status
    assert client.get("/api/rooms", headers=ann).status_int == 200


def test_it_is_in_no_room_any_more(client: Client) -> None:
    ann, bob = join_both(client)
    for name in ("shared", "own"):
        client.post_json("/api/rooms", {"name": name, "private": True}, headers=ann, status=201)
    client.put("/api/rooms/2/members/2", headers=ann, status=204)
    for room in (2, 3):
        client.say(ann, "hello @bob", f"/api/rooms/{room}/messages")
    client.delete("/api/users/1", headers=ANN, status=204)
    members = client.get("/api/rooms/2/members", headers=bob).json["users"]
    assert [user["nickname"] for user in members] == ["bob"]
    assert client.put("/api/rooms/2/members/1", headers=bob).status_int == 404
    assert [room["name"] for room in client.get("/api/rooms", headers=bob).json["rooms"]] == [
        "lobby",
        "shared",
    ]


def test_deleted_by_the_page(client: Client) -> None:
    client.sign_in("ann")
    answer = page(client, "/account").click("Delete your account")
    refused = submit(answer, "/account/delete", password="wrong")
    assert refused.status_int == 403
    assert texts(refused, "[role=alert]") == ["The password is wrong."]
    answer = submit(refused, "/account/delete", password=PASSWORD)
    assert answer.headers["Location"] == "/"
    assert texts(answer.follow(headers=BROWSER), ".top > a[href='/login']") == ["Sign in"]
    assert client.get("/account/delete", headers=BROWSER).status_int == 401
