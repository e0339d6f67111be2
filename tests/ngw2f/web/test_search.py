"""`GET /api/search`."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.client import Client
from tests.ngw2f.web.test_paging import follow


@pytest.fixture
def ann(client: Client, render: Callable[[], int]) -> dict[str, str]:
    """Let Ann say something in the lobby, and something else in a private room."""
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    for number in range(5):
        client.say(ann, f"hello *world* {number}")
    client.say(ann, "hello <den> & http://example.com/world", "/api/rooms/2/messages")
    render()
    return ann


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


def test_answer_is_nobody_elses(client: Client, ann: dict[str, str]) -> None:
    answer = client.get("/api/search?q=hello", headers=ann, status=200)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]
    known = {**ann, "If-None-Match": answer.headers["ETag"]}
    assert client.get("/api/search?q=hello", headers=known).status_int == 304


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("", 400, "a search has at least one word"),
        ("q=", 400, "a search has at least one word"),
        ("q=%00", 400, "a search has at least one word"),
        ("q=a&q=b", 400, "q is there more than once"),
        ("q=a&limit=0", 400, "limit is a whole number"),
        ("q=a&before=x", 400, "before is a whole number"),
        ("q=a&room=0", 400, "room is a whole number"),
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
    assert client.get(f"/api/search?q={quote(text)}").status_int in (200, 400)
