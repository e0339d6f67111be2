import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store.migrate import migrate
from tests.client import BROWSER, Client


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("ann")


def test_post_render_read_back(
    client: Client, ann: dict[str, str], work: Callable[..., None]
) -> None:
    answer = client.post_json(
        "/api/messages", {"source": "hello *world* http://example.com"}, headers=ann, status=201
    )
    message = answer.json
    assert answer.headers["Location"] == f"/api/messages/{message['id']}"
    assert message["html"] == "<p>hello *world* http://example.com</p>"
    assert not message["rendered"]
    work()
    rendered = client.get(answer.headers["Location"], status=200).json
    assert rendered["rendered"]
    assert rendered["html"] == (
        '<p>hello <em>world</em> <a href="http://example.com" rel="nofollow noopener">'
        "http://example.com</a></p>"
    )
    assert rendered["updated_at"] > message["updated_at"]
    assert {name: rendered[name] for name in ("id", "room_id", "user_id", "created_at")} == {
        name: message[name] for name in ("id", "room_id", "user_id", "created_at")
    }


def test_shape_of_a_message(client: Client, ann: dict[str, str]) -> None:
    message = client.say(ann, "a")
    assert message["_links"] == {"self": "/api/messages/1", "user": "/api/users/1"}
    assert message["previews"] == []
    assert set(message) == {
        *("id", "room_id", "user_id", "source", "html", "rendered", "created_at", "updated_at"),
        *(
            "edited_at",
            "previews",
            "mentions",
            "mentions_room",
            "reply_to",
            "reactions",
            "files",
            "_links",
        ),
    }


def test_source_is_text_until_rendered(client: Client, ann: dict[str, str]) -> None:
    message = client.say(ann, "<script>1</script>\nnext")
    assert message["html"] == "<p>&lt;script&gt;1&lt;/script&gt;<br>\nnext</p>"


def test_edit(client: Client, ann: dict[str, str], render: Callable[[], int]) -> None:
    path = client.say(ann, "before")["_links"]["self"]
    render()
    answer = client.put_json(path, {"source": "*after*"}, headers=ann, status=204)
    assert answer.body == b""
    assert client.get(path).json["html"] == "<p>*after*</p>"
    render()
    assert client.get(path).json["html"] == "<p><em>after</em></p>"


def test_edited_message_says_when(
    client: Client, ann: dict[str, str], render: Callable[[], int]
) -> None:
    """By the API and in events; rendering it is no edit."""
    message = client.say(ann, "before")
    path = message["_links"]["self"]
    assert message["edited_at"] is None
    render()
    assert client.get(path).json["edited_at"] is None
    client.put_json(path, {"source": "after"}, headers=ann, status=204)
    edited = client.get(path).json
    assert edited["edited_at"] == edited["updated_at"] > edited["created_at"]
    render()
    rendered = client.get(path).json
    assert rendered["edited_at"] == edited["edited_at"] < rendered["updated_at"]
    events = client.get("/api/events?after=0&events=message.*").json["events"]
    times = [each["data"]["edited_at"] for each in events]
    assert times == [None, None, edited["edited_at"], edited["edited_at"]]


def test_delete(client: Client, ann: dict[str, str]) -> None:
    path = client.say(ann, "a")["_links"]["self"]
    client.delete(path, headers=ann, status=204)
    assert client.get(path).status_int == 404
    assert client.delete(path, headers=ann).status_int == 404


def test_only_the_author(client: Client, ann: dict[str, str]) -> None:
    bob = client.join("bob")
    path = client.say(ann, "mine")["_links"]["self"]
    assert client.put_json(path, {"source": "x"}, headers=bob).status_int == 403
    assert client.delete(path, headers=bob).status_int == 403
    assert client.put_json(path, {"source": "x"}).status_int == 401
    assert client.delete(path).status_int == 401
    assert client.get(path).json["source"] == "mine"


WRONG_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"source": null}',
    b'{"source": 1}',
    b'{"source": ["a"]}',
    b'{"source": ""}',
    b'{"source": " \\n\\t"}',
    b'{"source": "\\u0000"}',
    b'{"source": "a\\u001bb"}',
    b'{"source": "\\ud800"}',
    b'{"source": "\xed\xa0\x80"}',
    b'{"source": "\xff"}',
    b'{"source": "%s"}' % (b"x" * 10_001),
    b"[" * 50_000,
    b'{"source": "a"} x',
]


def test_wrong_post_changes_nothing(client: Client, ann: dict[str, str]) -> None:
    headers = {**ann, "Content-Type": "application/json"}
    for body in WRONG_BODIES:
        answer = client.post("/api/messages", body, headers=headers)
        assert answer.status_int == 400, body[:24]
        assert answer.content_type == "application/problem+json"
        assert answer.json["status"] == 400
        assert client.sources() == [], body[:24]


def test_wrong_edit_changes_nothing(client: Client, ann: dict[str, str]) -> None:
    before = client.say(ann, "before")
    headers = {**ann, "Content-Type": "application/json"}
    for body in WRONG_BODIES:
        answer = client.put("/api/messages/1", body, headers=headers)
        assert answer.status_int == 400, body[:24]
        assert client.get("/api/messages/1").json == before, body[:24]


def test_other_media_type(client: Client, ann: dict[str, str]) -> None:
    headers = {**ann, "Content-Type": "application/xml"}
    assert client.post("/api/messages", b"<a/>", headers=headers).status_int == 415


def test_longest_message(client: Client, ann: dict[str, str]) -> None:
    assert client.say(ann, "x" * 10_000)["source"] == "x" * 10_000


def test_line_ends_become_line_feeds(client: Client, ann: dict[str, str]) -> None:
    assert client.say(ann, "a\r\nb\rc")["source"] == "a\nb\nc"


@pytest.fixture
def history(client: Client, ann: dict[str, str]) -> list[int]:
    return [client.say(ann, str(number))["id"] for number in range(7)]


def follow(client: Client, path: str) -> list[list[str]]:
    """Return the pages' sources from *path* on, as the Link fields lead."""
    pages = []
    while path:
        answer = client.get(path, status=200)
        pages.append([message["source"] for message in answer.json["messages"]])
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        path = link[1:].partition(">")[0]
    return pages


def test_back_through_the_history(client: Client, history: list[int]) -> None:
    pages = follow(client, "/api/messages?limit=3")
    assert pages == [["4", "5", "6"], ["1", "2", "3"], ["0"]]


def test_forward_through_the_history(client: Client, history: list[int]) -> None:
    pages = follow(client, "/api/rooms/1/messages?limit=3&after=0")
    assert pages == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_filters_go_along(client: Client, history: list[int]) -> None:
    path = f"/api/messages?limit=6&user_id=1&updated_since={time.time() - 60}"
    assert [len(page) for page in follow(client, path)] == [6, 1]
    assert follow(client, "/api/messages?user_id=2") == [[]]


def test_full_last_page_has_no_link(client: Client, history: list[int]) -> None:
    assert "Link" not in client.get("/api/messages?limit=7").headers


def test_limit_has_a_limit(client: Client, service: Service, history: list[int]) -> None:
    with service.services.core.database.writing() as connection:
        rows = "SELECT 1, 1, 'x', 'x', true, 1, 1, 1 FROM messages a, messages b, messages c"
        columns = "room_id, user_id, source, html, rendered, created_at, updated_at, version"
        connection.execute(text(f"INSERT INTO messages ({columns}) {rows}"))
    assert len(client.sources("/api/messages?limit=1000")) == 200
    assert len(client.sources()) == 50


WRONG_PAGES = [
    *("limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=%00", "limit=%ff"),
    *("before=x", "after=9999999999", "limit=1&limit=2", "before=" + "0" * 20 + "9" * 20),
    *("updated_since=x", "updated_since=nan", "user_id=0", "before=" + "9" * 5000),
]


def test_page_that_is_none(client: Client, history: list[int]) -> None:
    for query in WRONG_PAGES:
        for path in ("/api/messages", "/rooms/lobby"):
            assert client.get(f"{path}?{query}").status_int == 400, query


def test_updated_since(client: Client, ann: dict[str, str], history: list[int]) -> None:
    since = time.time()
    client.put_json("/api/messages/2", {"source": "new"}, headers=ann, status=204)
    assert client.sources(f"/api/messages?updated_since={since}") == ["new"]


def test_not_modified(client: Client, history: list[int]) -> None:
    some = ("/api/messages", "/api/messages/1", "/api/users", "/api/users/1", "/api/rooms", "/")
    for path in some:
        tag = client.get(path, status=200).headers["ETag"]
        again = client.get(path, headers={"If-None-Match": tag}, status=304)
        assert (again.body, again.headers["ETag"]) == (b"", tag), path


def test_modified(client: Client, ann: dict[str, str], history: list[int]) -> None:
    tag = client.get("/api/messages").headers["ETag"]
    client.say(ann, "new")
    assert client.get("/api/messages", headers={"If-None-Match": tag}).status_int == 200


def test_anonymous_read_off(build: Callable[..., Service]) -> None:
    client = Client(build(anonymous_read=False))
    ann = client.join("ann")
    path = client.say(ann, "a")["_links"]["self"]
    for asked in ("/api/messages", "/api/rooms", "/api/users", "/api/users/1", path, "/"):
        assert client.get(asked).status_int == 401
        assert client.get(asked, headers=ann).status_int == 200
    assert client.get("/stats").status_int == 200
    for open_to_all in ("/healthz", "/login"):
        assert client.get(open_to_all, headers=BROWSER).status_int == 200


def test_without_redis_it_is_stored(build: Callable[..., Service], tmp_path: Path) -> None:
    client = Client(build(redis_url=f"unix://{tmp_path}/none.sock", rate_limit=False))
    client.say(client.join("ann"), "still here")
    assert client.sources() == ["still here"]
    assert client.get("/stats").json == {"requests_per_second": 0}


def test_two_instances_share_nothing(
    build: Callable[..., Service],
    client: Client,
    ann: dict[str, str],
    tmp_path: Path,
    settings: Settings,
) -> None:
    other = build(data_dir=str(tmp_path / "other"), redis_prefix="other:", database_url="")
    migrate(other.services.core.settings)
    second = Client(other)
    client.say(ann, "first")
    assert second.sources() == []
    assert second.get("/api/rooms", headers=ann).status_int == 401
    second.say(second.join("ann"), "second")
    assert (client.sources(), second.sources()) == (["first"], ["second"])


def test_page_between_two_messages(client: Client, ann: dict[str, str]) -> None:
    """The Link goes on with both, so it ends where the page was asked to."""
    ids = [client.say(ann, str(number))["id"] for number in range(6)]
    path = f"/api/messages?after={ids[0]}&before={ids[5]}&limit=3"
    assert client.sources(path) == ["1", "2", "3"]
    link = client.get(path).headers["Link"]
    path = link.partition(">")[0].lstrip("<")
    assert client.sources(path) == ["4"]
    assert "Link" not in client.get(path).headers
