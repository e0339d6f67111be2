from collections.abc import Callable

import pytest

from ngw2f.server.service import Service
from ngw2f.store import message_links, messages, previews, users
from ngw2f.store.database import Database
from ngw2f.store.rooms import LOBBY_ID
from tests.client import BROWSER, Client

HOSTILE = previews.Content("<script>alert(1)</script>", '"><img onerror=x>', "a & b")
PICTURE = previews.Content("Title", "", "Site", b"webp", "image/webp", 4, 3)


@pytest.fixture
def preview(database: Database) -> Callable[[previews.Content], str]:
    """Return a function that stores a message with a preview, and returns its picture's path."""

    def store(content: previews.Content) -> str:
        with database.writing() as connection:
            user = users.create_user(connection, "Ann", "ann", "hash")
            message = messages.create_message(connection, LOBBY_ID, user.id, "a", "a")
            message_links.attach_links(connection, {message.id: ["http://a.example/?<"]}, 1.0)
            previews.set_content(connection, 1, content, previews.Schedule(1e12))
            return previews.previews_of(connection, [message.id])[message.id][0].image

    return store


def test_picture_may_be_kept_for_ever(
    client: Client, preview: Callable[[previews.Content], str]
) -> None:
    answer = client.get(preview(PICTURE), status=200)
    assert answer.body == b"webp"
    assert answer.content_type == "image/webp"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_picture_is_for_readers_where_reading_needs_an_account(
    build: Callable[..., Service], preview: Callable[[previews.Content], str]
) -> None:
    path, client = preview(PICTURE), Client(build(anonymous_read=False))
    assert client.get(path).status_int == 401
    answer = client.get(path, headers=client.join("bob"), status=200)
    assert answer.headers["Cache-Control"].startswith("private")
    assert "Authorization" in answer.headers["Vary"]


def test_unknown_picture(client: Client) -> None:
    assert client.get("/thumbnails/unknown").status_int == 404


def test_page_shows_preview(client: Client, preview: Callable[[previews.Content], str]) -> None:
    path = preview(PICTURE)
    page = client.get("/", headers=BROWSER).text
    assert f'<img src="{path}" width="4" height="3" alt="" loading="lazy">' in page
    assert "<bdi>Title</bdi>" in page


def test_page_escapes_preview(client: Client, preview: Callable[[previews.Content], str]) -> None:
    preview(HOSTILE)
    page = client.get("/", headers=BROWSER).text
    assert "<script>" not in page
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in page
    assert "<img" not in page
    assert 'href="http://a.example/?&lt;"' in page


def test_text_shows_preview(client: Client, preview: Callable[[previews.Content], str]) -> None:
    preview(PICTURE)
    assert "    > Title (Site)\n" in client.get("/").text
