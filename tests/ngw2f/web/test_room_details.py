"""Rooms and their members by forms, as a browser without JavaScript sends them."""

import pytest
from webtest import TestResponse

from ngw2f.server.service import Service
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import click, form_of, page, shown, submit, texts


@pytest.fixture
def bob(service: Service) -> Client:
    """Return the browser of Bob; whoever was here first administers."""
    browser = Client(service)
    browser.register("root")
    browser.sign_in("bob")
    return browser


@pytest.fixture
def ann(client: Client, bob: Client) -> Client:
    """Return the browser of Ann, in whose private room Bob is."""
    client.sign_in("ann")
    submit(page(client), "/rooms", name="den", private="1")
    submit(details(client), "/rooms/den/2/members", nickname="BOB")
    return client


def details(client: Client, room: str = "/rooms/den/2", status: int = 200) -> TestResponse:
    return page(client, f"{room}/details", status)


def test_members_are_seen_by_members_only(ann: Client, bob: Client, service: Service) -> None:
    for browser in (ann, bob):
        assert texts(details(browser), ".members .name") == ["bob", "ann owner"]
    details(Client(service), status=404)
    assert "/rooms/den/2/members/remove" not in {
        form.action for form in details(bob).forms.values()
    }


def test_owner_removes_a_member(ann: Client, bob: Client) -> None:
    answer = submit(details(ann), "/rooms/den/2/members/remove")
    assert answer.headers["Location"] == "/rooms/den/2/details"
    assert texts(details(ann), ".members .name") == ["ann owner"]
    page(bob, "/rooms/den/2", 404)


def test_others_remove_nobody(ann: Client, bob: Client) -> None:
    answer = bob.post("/rooms/den/2/members/remove", {"user_id": "3"}, headers=BROWSER)
    assert (answer.status_int, texts(answer, "[role=alert]")) == (
        403,
        ["Only the room's owner, or an administrator, may do this."],
    )
    for user_id in ("", "x", "-1", "²", "1" + "0" * 20, "1" + "0" * 5_000):
        answer = ann.post("/rooms/den/2/members/remove", {"user_id": user_id})
        assert answer.status_int == 400, user_id


def test_member_leaves(ann: Client, bob: Client) -> None:
    answer = submit(details(bob), "/rooms/den/2/leave")
    assert answer.headers["Location"] == "/"
    page(bob, "/rooms/den/2", 404)
    submit(page(ann), "/rooms", name="tea")
    answer = submit(details(ann, "/rooms/tea"), "/rooms/tea/leave")
    assert answer.headers["Location"] == "/rooms/tea"


def test_nobody_to_invite(ann: Client) -> None:
    answer = submit(details(ann), "/rooms/den/2/members", nickname="cleo")
    assert (answer.status_int, texts(answer, "[role=alert]")) == (404, ["There is no user 'cleo'."])
    # What was typed can be corrected.
    assert form_of(answer, "/rooms/den/2/members")["nickname"].value == "cleo"


def test_topic_and_name(ann: Client, bob: Client) -> None:
    answer = submit(details(ann), "/rooms/den/2/details", name="lair", topic="no *tea* here")
    assert answer.headers["Location"] == "/rooms/lair/2/details"
    room = page(bob, "/rooms/lair/2")
    assert (texts(room, "h1"), texts(room, "#topic")) == (["lair"], ["no *tea* here"])
    assert texts(details(bob, "/rooms/lair/2"), ".topic") == ["no *tea* here"]
    page(bob, "/rooms/den/2", 404)


def test_refused_change_comes_back(ann: Client) -> None:
    answer = submit(details(ann), "/rooms/den/2/details", name="a/b", topic="tea")
    assert (answer.status_int, texts(answer, "[role=alert]")) == (
        400,
        ["A room's name must not contain '/'."],
    )
    form = form_of(answer, "/rooms/den/2/details")
    assert (form["name"].value, form["topic"].value) == ("a/b", "tea")
    assert texts(page(ann, "/rooms/den/2"), "#topic") == [""]


def test_program_gets_the_refusal_alone(ann: Client) -> None:
    answer = ann.post("/rooms/den/2/details", {"name": "a/b", "topic": ""})
    assert (answer.status_int, answer.content_type) == (400, "text/plain")


def test_archived_room(ann: Client, bob: Client) -> None:
    submit(details(ann), "/rooms/den/2/archive")
    room = page(bob, "/rooms/den/2")
    assert shown(room, ".composer") == []
    assert "can only be read" in room.text
    assert bob.post("/rooms/den/2", {"source": "x"}).status_int == 409
    assert texts(page(bob, "/rooms"), ".all-rooms .name") == ["# lobby"]
    archived = click(bob, page(bob, "/rooms"), "Archived rooms")
    assert texts(archived, ".all-rooms .name") == ["den"]
    assert "/rooms/den/2/members" not in {form.action for form in details(ann).forms.values()}
    submit(details(ann), "/rooms/den/2/archive")
    assert page(bob, "/rooms/den/2").html.select(".composer")


def test_lobby_has_no_owner(ann: Client) -> None:
    about = details(ann, "/rooms/lobby")
    assert texts(about, ".members .name") == []
    assert "/rooms/lobby/archive" not in {form.action for form in about.forms.values()}


def test_refused_name_of_a_new_room_comes_back(ann: Client) -> None:
    answer = submit(page(ann), "/rooms", name="lob\u200bby")
    assert answer.status_int == 400
    assert texts(answer, "[role=alert]") != []
    answer = submit(answer, "/rooms", name="Lobby", private="1")
    assert answer.headers["Location"] == "/rooms/Lobby/3"
    answer = submit(page(ann, "/rooms"), "/rooms", name="lobby")
    assert texts(answer, "[role=alert]") == [
        "A room has this name already, or one that looks the same."
    ]
    assert form_of(answer, "/rooms")["name"].value == "lobby"
    assert ann.post("/rooms", {"name": "lobby"}).content_type == "text/plain"


def test_by_the_api(ann: Client, bob: Client) -> None:
    api = "/api/rooms/2"
    assert bob.put_json(api, {"topic": "x"}).status_int == 403
    room = ann.put_json(api, {"topic": "tea", "archived": True}, status=200).json
    assert (room["topic"], room["archived"], room["name"]) == ("tea", True, "den")
    assert bob.get(api).json["archived"] is True
    assert bob.post_json(f"{api}/messages", {"source": "x"}).status_int == 409
    listed = [each["id"] for each in bob.get("/api/rooms?archived=1").json["rooms"]]
    assert (listed, len(bob.get("/api/rooms").json["rooms"])) == ([2], 1)
    assert bob.get(f"{api}/members").json["owner_id"] == 3
    ann.put_json(api, {"archived": False}, status=200)
    bob.post_json(f"{api}/messages", {"source": "x"}, status=201)


@pytest.mark.parametrize("path", ["details", "archive", "members", "members/remove", "leave"])
def test_forms_need_a_session(client: Client, path: str) -> None:
    assert client.post(f"/rooms/lobby/{path}", {}, headers=BROWSER).status_int == 401


def test_reading_may_need_an_account(build: object) -> None:
    client = Client(build(anonymous_read=False))  # type: ignore[operator]
    assert texts(details(client, "/rooms/lobby", 401), "h1") == ["Sign in"]
