from collections.abc import Callable

from ngw2f.server.service import Service
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import form_of, page, submit, texts


def test_message_is_on_the_page_that_its_link_leads_to(client: Client) -> None:
    ann = client.join("ann")
    for each in range(1, 111):
        client.say(ann, str(each))
    for number in (1, 2, 59, 60, 61, 85, 110):
        answer = client.get(f"/messages/{number}", headers=BROWSER)
        assert answer.status_int == 303
        path, anchor = answer.headers["Location"].split("#")
        assert anchor == f"m{number}"
        assert texts(page(client, path), f"#{anchor} .text") == [str(number)]
        # Those on the newest page are on the one that is live.
        assert (path == "/rooms/lobby") is (number > 60)


def test_old_message_is_amid_its_page(client: Client) -> None:
    ann = client.join("ann")
    for each in range(1, 111):
        client.say(ann, str(each))
    path = client.get("/messages/50").headers["Location"].partition("#")[0]
    shown = texts(page(client, path), ".message .text")
    assert (shown[0], shown[-1]) == ("26", "75")


def test_message_of_a_private_room_leads_nobody_else_there(client: Client) -> None:
    ann = client.join("ann")
    room = {"name": "den", "private": True}
    client.post_json("/api/rooms", room, headers=ann, status=201)
    client.say(ann, "secret", "/api/rooms/2/messages")
    for path in ("/messages/1", "/messages/404"):
        assert texts(page(client, path, 404), "[role=alert]") == ["There is no such message."]
    client.sign_in("ann")
    assert client.get("/messages/1").headers["Location"] == "/rooms/den/2#m1"
    answer = client.get("/messages/1")
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == (
        "private, no-cache",
        "Accept, Cookie",
    )


def test_sign_in_leads_on_to_the_message(build: Callable[..., Service]) -> None:
    client = Client(build(anonymous_read=False))
    client.say(client.join("ann"), "hello")
    answer = page(client, "/messages/1", 401)
    assert form_of(answer, "/login")["next"].value == "/messages/1"
    answer = submit(answer, "/login", nickname="ann", password="open sesame")
    answer = answer.follow(headers=BROWSER)
    assert answer.headers["Location"] == "/rooms/lobby#m1"
