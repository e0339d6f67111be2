"""Replies: what they quote, of which messages, for whom."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.nicknames import Nicknames
from ngw2f.server.service import Service
from ngw2f.web.live_markup import LiveMarkup
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import page, submit, texts

Headers = dict[str, str]
both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def ann(client: Client) -> Headers:
    return client.join("ann")


def reply(client: Client, headers: Headers, to: int, room_id: int = 1, status: int = 201) -> Any:
    body = {"source": "a reply", "reply_to": to}
    path = f"/api/rooms/{room_id}/messages"
    return client.post_json(path, body, headers=headers, status=status).json


@both
def test_reply_names_what_it_answers(
    client: Client, ann: Headers, render: Callable[[], int]
) -> None:
    said = client.say(ann, "*hello*\nall")
    assert said["reply_to"] is None
    answer = reply(client, ann, said["id"])
    assert answer["reply_to"] == said["id"]
    render()
    path = answer["_links"]["self"]
    assert client.get(path).json["reply_to"] == said["id"]
    events = client.get("/api/events?after=0&events=message.*").json["events"]
    told = [each["data"]["reply_to"] for each in events if each["data"]["id"] == answer["id"]]
    assert told == [said["id"]] * 2
    # An edit does not change it, and neither does a deletion that is undone.
    client.put_json(path, {"source": "other"}, headers=ann, status=204)
    client.delete(path, headers=ann, status=204)
    assert client.post(f"{path}/restore", headers=ann).json["reply_to"] == said["id"]


def test_key_is_for_one_reply(client: Client, ann: Headers) -> None:
    first, second = client.say(ann, "a"), client.say(ann, "b")
    keyed = {**ann, "Idempotency-Key": "k"}
    assert reply(client, keyed, first["id"]) == reply(client, keyed, first["id"])
    reply(client, keyed, second["id"], status=422)


@pytest.mark.parametrize("wrong", [0, -1, 2**31, "1", 1.5, [1]])
def test_no_id(client: Client, ann: Headers, wrong: object) -> None:
    body = {"source": "x", "reply_to": wrong}
    assert client.post_json("/api/messages", body, headers=ann).status_int == 400


def test_only_of_the_same_room(client: Client, ann: Headers) -> None:
    """What is in another room is refused like what is nowhere: the answer says nothing of it."""
    den = client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann).json
    secret = client.say(ann, "secret", den["_links"]["messages"])
    bob = client.join("bob")
    refused = [
        reply(client, bob, secret["id"], status=400),
        reply(client, bob, 999, status=400),
        reply(client, ann, secret["id"], status=400),
    ]
    assert len({msgspec.json.encode({**each, "instance": ""}) for each in refused}) == 1
    assert reply(client, ann, secret["id"], den["id"])["reply_to"] == secret["id"]
    for headers in (bob, {}):
        for path in (f"/?reply_to={secret['id']}", "/", "/search?q=reply"):
            answer = client.get(path, headers={**BROWSER, **headers}, status=200)
            assert "secret" not in answer.text
        assert client.get(f"/messages/{secret['id']}/reply", headers=headers).status_int in {
            *(401, 404),
        }


def test_quote_on_the_page(client: Client, ann: Headers, render: Callable[[], int]) -> None:
    said = client.say(ann, "**bold** <b>\nsecond line")
    client.sign_in("bob")
    answer = client.get(f"/messages/{said['id']}/reply", headers=BROWSER)
    assert answer.headers["Location"] == f"/rooms/lobby?reply_to={said['id']}#write"
    render()
    form = page(client, f"/rooms/lobby?reply_to={said['id']}")
    assert texts(form, "#replying span") == ["Replying to ann: bold <b>"]
    assert submit(form, "/rooms/lobby", source="I see").status_int == 303
    shown = page(client)
    assert texts(shown, ".quote") == ["ann bold <b>"]
    assert shown.html.select_one(".quote")["href"] == f"/messages/{said['id']}"
    assert texts(shown, "#replying[hidden] .line") == [""]
    assert "bob (to ann: bold <b>): I see" in client.get("/").text
    assert texts(page(client, "/search?q=see"), ".quote") == []
    render()
    assert texts(page(client, "/search?q=see"), ".quote") == ["ann bold <b>"]
    client.put_json(said["_links"]["self"], {"source": "changed"}, headers=ann, status=204)
    assert texts(page(client), ".quote") == ["ann changed"]
    client.delete(said["_links"]["self"], headers=ann, status=204)
    assert texts(page(client), ".quote") == ["A deleted message"]
    assert texts(page(client, f"/?reply_to={said['id']}"), "#replying[hidden] .line") == [""]


def test_refused_reply_stays_one(client: Client, ann: Headers) -> None:
    said = client.say(ann, "hello")
    client.sign_in("bob")
    answer = submit(page(client, f"/?reply_to={said['id']}"), "/rooms/lobby", source=" ")
    assert answer.status_int == 400
    assert texts(answer, "#replying .line") == ["hello"]
    form = {"source": "x", "reply_to": "many"}
    refused = client.post("/rooms/lobby", form, headers=BROWSER)
    assert refused.status_int == 400
    assert "Reply_to must be an id." in refused.text
    german = client.post("/rooms/lobby", form, headers={**BROWSER, "Accept-Language": "de"})
    assert "Reply_to muss die Nummer von etwas sein." in german.text


def test_quote_in_the_events_for_pages(client: Client, ann: Headers, service: Service) -> None:
    said = client.say(ann, "hello <b>")
    answer = reply(client, ann, said["id"])
    core = service.services.core
    markup = LiveMarkup(service.services.templates, Nicknames(core.database), core.database, "en")

    def shown() -> str:
        entry = Entry(EntryId(1), "message.created", msgspec.json.encode(answer), 1)
        return str(msgspec.json.decode(markup.show(entry))["fragment"])

    assert '<b data-user="1"><bdi>ann</bdi></b> <span><bdi>hello &lt;b&gt;</bdi></span>' in shown()
    client.delete(said["_links"]["self"], headers=ann, status=204)
    assert "hello" not in shown()
    assert "A deleted message" in shown()


def test_quote_of_files_alone_names_the_first(client: Client, ann: Headers) -> None:
    body = {"Content-Type": "application/octet-stream", **ann}
    made = [
        client.post(f"/api/rooms/1/files?name={name}", b"x", headers=body, status=201).json["id"]
        for name in ("a.txt", "b.txt")
    ]
    silent = {"source": "", "file_ids": made}
    said = client.post_json("/api/messages", silent, headers=ann, status=201).json
    reply(client, ann, said["id"])
    assert texts(page(client), ".message .quote span") == ["a.txt"]
