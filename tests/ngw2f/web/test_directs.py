"""Direct messages by the API and by forms."""

import pytest

from ngw2f.server.service import Service
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import form_of, page, submit, texts


@pytest.fixture
def bob(service: Service) -> Client:
    browser = Client(service)
    browser.sign_in("bob")
    return browser


@pytest.fixture
def ann(client: Client, bob: Client) -> Client:
    client.sign_in("ann")
    return client


def test_by_forms(ann: Client, bob: Client, service: Service) -> None:
    answer = submit(page(ann, "/direct"), "/direct", nicknames="BOB")
    assert answer.headers["Location"] == "/direct/2"
    room = page(ann, "/direct/2")
    assert (texts(room, "h1"), texts(room, "#directs .name")) == (["bob"], ["bob"])
    answer = submit(room, "/direct/2", source="psst")
    assert answer.headers["Location"] == "/direct/2#end"
    room = page(bob)
    assert texts(room, "#directs .name") == ["ann"]
    assert texts(room, "#directs .count") == ["1 unread"]
    assert texts(page(bob, "/direct/2"), ".text") == ["psst"]
    submit(page(bob, "/direct/2"), "/direct/2/mute")
    assert submit(page(bob, "/direct/2"), "/direct/2/read").headers["Location"] == "/direct/2"
    details = page(bob, "/direct/2/details")
    assert texts(details, ".members .name") == ["bob", "ann"]
    assert {form.action for form in details.forms.values()} == {"/search", "/logout"}
    for path in ("/direct/2", "/direct/2/details", "/direct/1"):
        page(Client(service), path, 404)
    page(ann, "/direct/1", 404)
    page(ann, "/rooms/bob/2", 404)


def test_message_to_a_member(ann: Client, bob: Client) -> None:
    submit(page(ann), "/rooms", name="den", private="1")
    submit(page(ann, "/rooms/den/2/details"), "/rooms/den/2/members", nickname="bob")
    answer = submit(page(bob, "/rooms/den/2/details"), "/direct")
    assert answer.headers["Location"] == "/direct/3"


def test_refused_names_come_back(ann: Client) -> None:
    answer = submit(page(ann, "/direct"), "/direct", nicknames="bob, cleo")
    assert (answer.status_int, texts(answer, "[role=alert]")) == (404, ["There is no user 'cleo'."])
    assert form_of(answer, "/direct")["nicknames"].value == "bob, cleo"
    assert ann.post("/direct", {"nicknames": "cleo"}).content_type == "text/plain"


def test_needs_an_account(client: Client) -> None:
    assert texts(page(client, "/direct", 401), "h1") == ["Sign in"]
    assert client.post("/direct", {"nicknames": "x"}, headers=BROWSER).status_int == 401


def test_by_the_api(ann: Client, bob: Client) -> None:
    answer = ann.post_json("/api/direct", {"user_ids": [1]}, status=201)
    assert answer.headers["Location"] == "/api/rooms/2"
    room = bob.get("/api/rooms/2").json
    assert (room["direct"], room["name"]) == (True, "ann")
    assert room["people"] == [{"id": 2, "nickname": "ann"}, {"id": 1, "nickname": "bob"}]
    assert bob.post_json("/api/direct", {"user_ids": [2]}, status=200).json["id"] == 2
    for user_ids in ([], [0], [*range(1, 21)], None):
        assert ann.post_json("/api/direct", {"user_ids": user_ids}).status_int == 400
    assert ann.post_json("/api/direct", {"user_ids": [2]}).status_int == 409
    assert ann.post_json("/api/direct", {"user_ids": [404]}).status_int == 404


def test_new_nickname_is_the_rooms_at_once(ann: Client, bob: Client) -> None:
    ann.post_json("/api/direct", {"user_ids": [1]}, status=201)
    assert ann.get("/api/rooms/2").json["name"] == "bob"
    bob.put_json("/api/users/1", {"nickname": "rob"}, status=204)
    assert ann.get("/api/rooms/2").json["name"] == "rob"


def test_mention_and_search_name_the_others(ann: Client, bob: Client, work: object) -> None:
    ann.post_json("/api/direct", {"user_ids": [1]}, status=201)
    ann.post_json("/api/rooms/2/messages", {"source": "@bob come @nobody"}, status=201)
    work()  # type: ignore[operator]
    (mention,) = bob.get("/api/inbox").json["mentions"]
    assert mention["room"]["name"] == "ann"
    assert texts(page(bob, "/search?q=come"), ".place") == ["@ ann"]
