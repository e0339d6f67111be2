"""Small pictures of uploaded ones: made by a worker, shown to those who may see the file."""

import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select, update

from ngw2f.jobs import pictures, upkeep
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.links.preview.form import Form
from ngw2f.links.preview.thumbnail import Thumbnailer
from ngw2f.store import file_pictures
from ngw2f.store.database import Database, DatabaseBusyError
from ngw2f.store.file_pictures import MAX_TRIES, RETRY_SECONDS
from ngw2f.store.schema import files
from tests.client import BROWSER, Client

Headers = dict[str, str]
PNG = b"\x89PNG\r\n\x1a\n"


def encoded(width: int, height: int, file_format: str = "PNG", **options: object) -> bytes:
    output = BytesIO()
    Image.new("RGB", (width, height), "teal").save(output, file_format, **options)
    return output.getvalue()


@pytest.fixture
def ann(client: Client) -> Headers:
    return client.join("ann")


def upload(client: Client, headers: Headers, body: bytes, room_id: int = 1) -> Any:
    path = f"/api/rooms/{room_id}/files?name=a.png"
    headers = {"Content-Type": "application/octet-stream", **headers}
    return client.post(path, body, headers=headers, status=201).json


def post(client: Client, headers: Headers, file: Any, room_id: int = 1) -> Any:
    body = {"source": "look", "file_ids": [file["id"]]}
    return client.post_json(
        f"/api/rooms/{room_id}/messages", body, headers=headers, status=201
    ).json


def due_of(database: Database) -> list[tuple[float | None, int]]:
    with database.reading() as connection:
        rows = connection.execute(select(files.c.picture_due_at, files.c.picture_tries))
        return [(due_at, tries) for due_at, tries in rows]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_message_gets_the_picture_of_its_file(
    job_context: JobContext, client: Client, ann: Headers
) -> None:
    file = upload(client, ann, encoded(960, 320))
    assert (file["media_type"], file["image"], file["image_width"]) == ("image/png", "", 0)
    message = post(client, ann, file)
    assert client.get("/", headers=BROWSER).html.select(".file img") == []
    render_messages()
    assert job_context.link_wakeup.is_flagged()
    fetch_links()
    made = client.get(message["_links"]["self"]).json
    (shown,) = made["files"]
    assert shown == {
        **file,
        "image": "/files/1/a.png/picture",
        "image_width": 720,
        "image_height": 240,
    }
    assert made["updated_at"] > message["updated_at"]
    events = client.get("/api/events?after=0&events=message.updated").json["events"]
    assert events[-1]["data"]["files"] == [shown]
    (img,) = client.get("/", headers=BROWSER).html.select(".message .file.picture img")
    assert (img["src"], img["width"], img["height"], img["alt"]) == (
        shown["image"], "480", "160", "a.png",
    )  # fmt: skip
    answer = client.get(shown["image"], status=200)
    assert Image.open(BytesIO(answer.body)).size == (720, 240)
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization, Cookie"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # The picture itself is shown; before, nobody had looked at it.
    whole = client.get(shown["_links"]["self"], status=200)
    assert whole.headers["Content-Disposition"] == 'inline; filename="a.png"'
    assert whole.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    again = client.get(shown["image"], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_int == 304


def test_picture_is_there_when_the_message_is_posted(
    job_context: JobContext, client: Client, ann: Headers
) -> None:
    file = upload(client, ann, encoded(9, 7, "JPEG"))
    assert job_context.wakeup.is_flagged()
    fetch_links()
    (shown,) = post(client, ann, file)["files"]
    assert (shown["image_width"], shown["image_height"]) == (9, 7)


def test_picture_is_for_those_who_may_see_the_file(
    job_context: JobContext, client: Client, ann: Headers
) -> None:
    eve = client.join("eve")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    file = upload(client, ann, encoded(20, 20), 2)
    fetch_links()
    path = "/files/1/a.png/picture"

    def seen_by() -> list[int]:
        return [client.get(path, headers=each).status_int for each in (ann, eve, {})]

    assert seen_by() == [200, 404, 404]
    message = post(client, ann, file, 2)
    assert seen_by() == [200, 404, 404]
    client.put_json("/api/rooms/2/members/2", {}, headers=ann, status=204)
    assert seen_by() == [200, 200, 404]
    assert client.get("/files/1/b.png/picture", headers=ann).status_int == 404
    client.delete(message["_links"]["self"], headers=ann, status=204)
    assert seen_by() == [404, 404, 404]


def bomb() -> bytes:
    """Return a PNG of 100 million pixels in some 100 kB."""
    output = BytesIO()
    Image.new("L", (10_000, 10_000)).save(output, "PNG", optimize=True)
    return output.getvalue()


def test_bombs_and_broken_pictures_stay_downloads(
    job_context: JobContext, client: Client, ann: Headers, database: Database
) -> None:
    whole = encoded(40, 40)
    for body in (bomb(), whole[:45] + b"\0" + whole[46:]):
        assert upload(client, ann, body)["media_type"] == "image/png"
    upload(client, ann, b"<svg onload='alert(1)'>")
    fetch_links()
    assert due_of(database) == [(None, 1), (None, 1), (None, 0)]
    for number in (1, 2, 3):
        assert client.get(f"/files/{number}/a.png/picture", headers=ann).status_int == 404
        answer = client.get(f"/files/{number}/a.png", headers=ann, status=200)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a.png"'


def test_file_that_is_gone_has_no_picture(
    job_context: JobContext, client: Client, ann: Headers, database: Database
) -> None:
    upload(client, ann, encoded(9, 9))
    with database.reading() as connection:
        key = connection.execute(select(files.c.key)).scalar_one()
    job_context.core.files.remove(key)
    fetch_links()
    assert due_of(database) == [(None, 1)]


def test_picture_that_kills_its_worker_is_tried_some_times(
    job_context: JobContext,
    client: Client,
    ann: Headers,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload(client, ann, encoded(9, 9))

    def crash(_self: Thumbnailer, _body: bytes, _form: Form) -> None:
        raise MemoryError

    monkeypatch.setattr(Thumbnailer, "make", crash)
    for tries in range(1, MAX_TRIES + 1):
        with pytest.raises(MemoryError):
            job_context.pictures.make_next()
        ((due_at, found),) = due_of(database)
        assert (found, due_at is None) == (tries, tries == MAX_TRIES)
        assert job_context.pictures.make_next() is False
        with database.writing() as connection:
            due = files.c.picture_due_at
            connection.execute(update(files).values(picture_due_at=due - RETRY_SECONDS))
    assert job_context.pictures.make_next() is False


@pytest.mark.parametrize("error", [DatabaseBusyError("locked"), ValueError("a mistake")])
def test_thread_that_fails_says_so(
    job_context: JobContext,
    client: Client,
    ann: Headers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    upload(client, ann, encoded(9, 9))

    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(file_pictures, "set_picture", fail)
    with caplog.at_level(logging.WARNING, pictures.__name__):
        fetch_links()
    (record,) = caplog.records
    assert ("will retry" in record.message) == isinstance(error, DatabaseBusyError)


def test_picture_of_a_file_that_is_removed_meanwhile(
    job_context: JobContext,
    client: Client,
    ann: Headers,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload(client, ann, encoded(9, 9))
    make = Thumbnailer.make

    def remove_first(self: Thumbnailer, body: bytes, form: Form) -> Any:
        with database.writing() as connection:
            connection.execute(files.delete())
        return make(self, body, form)

    monkeypatch.setattr(Thumbnailer, "make", remove_first)
    assert job_context.pictures.make_next() is True
    assert due_of(database) == []


def test_message_that_is_posted_meanwhile_gets_the_picture(
    job_context: JobContext,
    client: Client,
    ann: Headers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = upload(client, ann, encoded(9, 9))
    message = post(client, ann, file)
    # As a transaction sees it that reads before the post.
    monkeypatch.setattr(file_pictures, "message_of", lambda *_: None)
    assert job_context.pictures.make_next() is True
    made = client.get(message["_links"]["self"]).json
    assert made["files"][0]["image_width"] == 9
    assert made["updated_at"] > message["updated_at"]


def test_sweep_finds_what_no_wakeup_reached(
    job_context: JobContext,
    client: Client,
    ann: Headers,
    database: Database,
    clear: Callable[[], None],
) -> None:
    upload(client, ann, encoded(9, 9))
    clear()
    assert upkeep.sweep() is False
    with database.writing() as connection:
        connection.execute(update(files).values(picture_due_at=1.0))
    assert upkeep.sweep() is True
    assert job_context.link_wakeup.is_flagged()


@pytest.fixture
def clear(job_context: JobContext) -> Callable[[], None]:
    def run() -> None:
        job_context.wakeup.clear_flag()
        job_context.link_wakeup.clear_flag()

    return run


def test_stopped_worker_begins_none(
    job_context: JobContext, client: Client, ann: Headers, database: Database
) -> None:
    upload(client, ann, encoded(9, 9))
    job_context.stopping.set()
    job_context.pictures.start()
    assert not job_context.pictures.is_busy
    ((due_at, tries),) = due_of(database)
    assert (due_at is not None, tries) == (True, 0)


def test_large_picture_waits_for_no_worker(
    job_context: JobContext,
    client: Client,
    ann: Headers,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = encoded(9, 9)
    monkeypatch.setattr(file_pictures, "MAX_BYTES", len(body))
    upload(client, ann, body)
    monkeypatch.setattr(file_pictures, "MAX_BYTES", len(body) - 1)
    upload(client, ann, body)
    assert [due_at is None for due_at, _ in due_of(database)] == [False, True]
