"""`GET /api/search`, and the page `/search`: both show what the reader may read."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from ngw2f.api_resources import File
from ngw2f.settings import Settings
from ngw2f.web.search import marked_name
from ngw2f.web.templates import Templates
from tests.client import BROWSER, Client
from tests.ngw2f.web.set_once import Setting
from tests.ngw2f.web.test_paging import follow


@pytest.fixture
def ann(
    client: Client, render: Callable[[], int], settings: Settings, set_once: Setting
) -> dict[str, str]:
    """Let Ann say something in the lobby, and something else in a private room."""
    return set_once.make(settings, lambda: _set(client, render))


def _set(client: Client, render: Callable[[], int]) -> dict[str, str]:
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    for number in range(5):
        client.say(ann, f"hello *world* {number}")
    client.say(ann, "hello <den> & http://example.com/world", "/api/rooms/2/messages")
    render()
    return ann


def page_of(client: Client, query: str, **arguments: Any) -> Any:
    return client.get(f"/search?{query}", headers=BROWSER, **arguments)


def test_pages_of_hits(client: Client, ann: dict[str, str]) -> None:
    answer = client.get("/api/search?q=hello", status=200)
    assert [each["id"] for each in answer.json["messages"]] == [1, 2, 3, 4, 5]
    assert answer.json["messages"][0] == client.get("/api/messages/1").json
    assert follow(client, "/api/search?q=hello&limit=2") == [[4, 5], [2, 3], [1]]
    assert follow(client, "/api/search?q=hello&limit=3&room=1", ann) == [[3, 4, 5], [1, 2]]
    assert follow(client, "/api/search?q=hello&limit=4", ann) == [[3, 4, 5, 6], [1, 2]]
    assert follow(client, "/api/search?q=hello&before=3") == [[1, 2]]
    assert follow(client, "/api/search?q=hello&before=0") == [[]]
    assert follow(client, "/api/search?q=nothing") == [[]]
    assert follow(client, f"/api/search?q={quote('hello -in:lobby from:ann')}", ann) == [[6]]


def test_message_of_files_alone_is_found_by_their_names(
    client: Client, ann: dict[str, str], render: Callable[[], int]
) -> None:
    path = "/api/rooms/2/files?name=Plan%20A%26B.pdf"
    body = {**ann, "Content-Type": "application/octet-stream"}
    file = client.post(path, b"x", headers=body, status=201).json["id"]
    posted = {"source": "", "file_ids": [file]}
    made = client.post_json("/api/rooms/2/messages", posted, headers=ann, status=201).json["id"]
    render()
    assert follow(client, "/api/search?q=plan", ann) == [[made]]
    # Its room is private.
    assert follow(client, "/api/search?q=plan") == [[]]
    client.sign_in("ann", "open sesame")
    name = page_of(client, "q=plan").html.select_one(".file bdi")
    assert str(name) == "<bdi><mark>Plan</mark> A&amp;B.pdf</bdi>"


def test_picture_that_is_found_by_its_name_says_it() -> None:
    file = File.of(1, "my cat.png", 9, "image/png", 30, 20)
    shown = Templates().fragment("files.html", "en")
    values = {"message": {"files": [file]}, "marked": partial(marked_name, [("cat",)])}
    # It is said once.
    said = 'alt="" loading="lazy"> <bdi>my <mark>cat</mark>.png</bdi></a>'
    assert said in shown(**values)


def test_answer_is_nobody_elses(client: Client, ann: dict[str, str]) -> None:
    answer = client.get("/api/search?q=hello", headers=ann, status=200)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]
    known = {**ann, "If-None-Match": answer.headers["ETag"]}
    assert client.get("/api/search?q=hello", headers=known).status_int == 304


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("", 400, "a search must have at least one word"),
        ("q=", 400, "a search must have at least one word"),
        ("q=%00", 400, "a search must have at least one word"),
        ("q=a&q=b", 400, "q is given more than once"),
        ("q=a&limit=0", 400, "limit must be a whole number"),
        ("q=a&before=x", 400, "before must be a whole number"),
        ("q=a&room=0", 400, "room must be a whole number"),
        ("q=" + "a+" * 65, 400, "at most 64 words"),
        ("q=hello&room=2", 404, "there is no such room"),
        ("q=hello+in:den", 404, "there is no such room"),
        ("q=hello+from:nobody", 404, "there is no user 'nobody'"),
    ],
)
def test_what_cannot_be_searched_for(
    client: Client, ann: dict[str, str], query: str, status: int, detail: str
) -> None:
    answer = client.get(f"/api/search?{query}", status=status)
    assert answer.content_type == "application/problem+json"
    assert detail in answer.json["detail"]


@pytest.mark.parametrize(
    "text", ['"', "a AND", "NEAR(a b)", "a* OR ^b", "' OR 1=1 --", "\0a", "🎉", "é" * 1000, "a&!b|"]
)
def test_any_text_has_an_answer(client: Client, ann: dict[str, str], text: str) -> None:
    for path in ("/api/search", "/search"):
        assert client.get(f"{path}?q={quote(text)}").status_int in (200, 400)


def test_page_shows_hits_with_marks_and_ways_to_them(client: Client, ann: dict[str, str]) -> None:
    client.sign_in("ann", "open sesame")
    page = page_of(client, "q=WORLD+hello&limit=4", status=200).html
    hits = page.select(".hits .message")
    assert [hit["id"] for hit in hits] == ["m6", "m5", "m4", "m3"]
    assert [mark.text for mark in hits[1].select("mark")] == ["hello", "world"]
    # A word in a link's address is found, but not shown.
    assert [mark.text for mark in hits[0].select(".text mark")] == ["hello", "world"]
    assert hits[0].select("a[rel]")[0]["href"] == "http://example.com/world"
    places = [hit.select_one("a.place") for hit in hits[:2]]
    assert [(each["href"], each.text.strip()) for each in places] == [
        ("/messages/6", "den"),
        ("/messages/5", "# lobby"),
    ]
    assert hits[0].select_one(".nickname").text == "ann"
    assert not page.select(".actions")
    older = page.select_one("a[rel=next]")["href"]
    assert older == "/search?q=WORLD+hello&before=3&limit=4"
    shown = client.get(older, headers=BROWSER).html.select(".hits .message")
    assert [each["id"] for each in shown] == ["m2", "m1"]


def test_page_is_a_form_until_something_is_asked_for(client: Client) -> None:
    for query in ("", "q=", "q=++"):
        page = page_of(client, query, status=200).html
        assert page.select("main input[name=q]")
        assert not page.select(".hits, [role=alert]")


def test_page_of_nothing(client: Client, ann: dict[str, str]) -> None:
    page = page_of(client, "q=nothing", status=200).html
    assert page.select_one(".empty").text == "Nothing was found."
    page = page_of(client, "q=hello&before=1", status=200).html
    assert page.select_one(".empty").text == "Nothing was found before this."


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("q=!!!", 400, "A search must have at least one word."),
        ("q=in:den+hello", 404, "There is no such room."),
        ("q=%3Cb%3E+from:%3Ci%3E", 404, "There is no user '<i>'."),
    ],
)
def test_page_says_what_is_wrong_beside_what_was_typed(
    client: Client, ann: dict[str, str], query: str, status: int, detail: str
) -> None:
    answer = page_of(client, query, status=status)
    assert answer.html.select_one("[role=alert]").text == detail
    assert quote(answer.html.select_one("main input[name=q]")["value"]) in query.replace(
        "+", "%20"
    ).replace(":", "%3A").replace("!", "%21")


def test_page_for_curl(client: Client, ann: dict[str, str]) -> None:
    page = client.get("/search?q=hello&limit=1", status=200)
    assert page.content_type == "text/plain"
    assert "lobby, ann: hello *world* 4" in page.text
    assert "older: http://localhost/search?q=hello&before=5&limit=1" in page.text
    assert "Nothing was found." in client.get("/search?q=nothing").text
    assert "Nothing" not in client.get("/search").text
    assert "There is no such room." in client.get("/search?q=in:den", status=404).text


def test_every_page_has_the_field(client: Client) -> None:
    for path in ("/", "/rooms", "/login"):
        form = client.get(path, headers=BROWSER, status=200).html.select_one("header form.find")
        assert form["action"] == "/search"
        assert form.select_one("input[name=q]")
    # There it is in the page.
    assert len(page_of(client, "", status=200).html.select("input[name=q]")) == 1


def test_search_needs_an_account_where_reading_does(build: Callable[..., Any]) -> None:
    client = Client(build(anonymous_read=False))
    client.get("/api/search?q=a", status=401)
    assert page_of(client, "q=a", status=401).html.select("input[name=password]")
