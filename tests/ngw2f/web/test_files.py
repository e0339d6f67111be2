"""Files: what is stored, who gets it, and as what."""

import errno
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from PIL import Image
from sqlalchemy import select, update
from webtest import TestResponse
from werkzeug.test import EnvironBuilder, run_wsgi_app

from ngw2f.jobs.context import JobContext
from ngw2f.jobs.upkeep import sweep
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.store.files import COST_BYTES, GRACE_SECONDS
from ngw2f.store.schema import deleted_messages, files
from tests.client import PASSWORD, Client, basic

Headers = dict[str, str]
both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
FORM = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def ann(client: Client) -> Headers:
    return client.join("ann")


@pytest.fixture
def bob(client: Client, ann: Headers) -> Headers:
    return client.join("bob")


@pytest.fixture
def den(client: Client, ann: Headers) -> int:
    """Return a private room of Ann's."""
    made = client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann)
    return int(made.json["id"])


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.data_path / "files"


def upload(
    client: Client,
    headers: Headers,
    body: bytes = b"hello",
    name: str = "a.txt",
    room_id: int = 1,
    status: int = 201,
) -> Any:
    path = f"/api/rooms/{room_id}/files?name={name}"
    return client.post(path, body, headers={**FORM, **headers}, status=status).json


def post(
    client: Client,
    headers: Headers,
    *ids: int,
    room_id: int = 1,
    source: str = "look",
    status: int = 201,
) -> Any:
    body = {"source": source, "file_ids": ids}
    path = f"/api/rooms/{room_id}/messages"
    return client.post_json(path, body, headers=headers, status=status).json


def on_disk(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@both
def test_file_of_a_message(
    client: Client, ann: Headers, render: Callable[[], int], folder: Path
) -> None:
    made = upload(client, ann, b"hello", "notes.txt")
    assert made == {
        "id": 1,
        "name": "notes.txt",
        "size": 5,
        "media_type": "application/octet-stream",
        "_links": {"self": "/files/1/notes.txt"},
        "image": "",
        "image_width": 0,
        "image_height": 0,
    }
    other = upload(client, ann, b"%PDF-", "b.pdf")
    message = post(client, ann, other["id"], made["id"])
    assert message["files"] == [made, {**other, "media_type": "application/pdf"}]
    path = message["_links"]["self"]
    assert client.get(path).json["files"] == message["files"]
    render()
    events = client.get("/api/events?after=0&events=message.*").json["events"]
    assert [each["data"]["files"] for each in events] == [message["files"]] * 2
    assert client.get("/api/messages").json["messages"][0]["files"] == message["files"]
    # An edit does not change them, nor does a deletion that is undone.
    client.put_json(path, {"source": "other"}, headers=ann, status=204)
    client.delete(path, headers=ann, status=204)
    assert client.get("/files/1/notes.txt", headers=ann).status_int == 404
    assert client.post(f"{path}/restore", headers=ann).json["files"] == message["files"]
    assert client.get("/files/1/notes.txt").body == b"hello"
    assert on_disk(folder) == [b"%PDF-", b"hello"]


def test_message_may_be_files_alone(
    client: Client, ann: Headers, render: Callable[[], int]
) -> None:
    message = post(client, ann, upload(client, ann)["id"], source=" \n")
    assert (message["source"], message["html"]) == ("", "")
    render()
    shown = client.get(message["_links"]["self"]).json
    assert (shown["rendered"], shown["html"], len(shown["files"])) == (True, "", 1)
    post(client, ann, source="", status=400)


def test_how_a_file_is_sent(client: Client, ann: Headers) -> None:
    html = b"<script>alert(1)</script>"
    name = 'a "b"\u202e\u00e9.html'
    made = upload(client, ann, html, "a%20%22b%22%E2%80%AE%C3%A9.html")
    assert made["name"] == "a _b_\xe9.html" != name
    post(client, ann, made["id"])
    sent = client.get(made["_links"]["self"], status=200)
    assert sent.body == html
    assert sent.headers["Content-Type"] == "application/octet-stream"
    assert sent.headers["Content-Disposition"] == (
        "attachment; filename=\"a _b__.html\"; filename*=UTF-8''a%20_b_%C3%A9.html"
    )
    assert sent.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert sent.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert sent.headers["Cache-Control"] == "private, no-cache"
    # The cache has no part in it.
    assert "Cache-Status" not in sent.headers


def test_parts_and_conditions(client: Client, ann: Headers) -> None:
    made = upload(client, ann, b"0123456789")
    post(client, ann, made["id"])
    path = made["_links"]["self"]
    part = client.get(path, headers={"Range": "bytes=2-4"}, status=206)
    assert (part.body, part.headers["Content-Range"]) == (b"234", "bytes 2-4/10")
    assert client.get(path, headers={"Range": "bytes=10-"}).status_int == 416
    parts = client.get(path, headers={"Range": "bytes=0-0,-1"}, status=206)
    assert parts.content_type == "multipart/byteranges"
    assert parts.headers["Content-Disposition"].startswith("attachment")
    known = {"If-None-Match": part.headers["ETag"]}
    assert client.get(path, headers=known).status_int == 304
    # Whoever knows it may know it no longer.
    client.delete("/api/messages/1", headers=ann, status=204)
    assert client.get(path, headers=known).status_int == 404


@both
def test_who_gets_a_file(client: Client, ann: Headers, bob: Headers, den: int) -> None:
    made = upload(client, ann, b"secret", "s.txt", den)
    path = made["_links"]["self"]

    def statuses() -> list[int]:
        return [client.get(path, headers=each).status_int for each in ({}, bob, ann)]

    assert statuses() == [404, 404, 200]
    client.put(f"/api/rooms/{den}/members/2", headers=ann, status=204)
    assert statuses() == [404, 404, 200]
    post(client, ann, made["id"], room_id=den)
    assert statuses() == [404, 200, 200]
    client.delete(f"/api/rooms/{den}/members/2", headers=bob, status=204)
    assert statuses() == [404, 404, 200]
    assert client.get("/files/1/other.txt", headers=ann).status_int == 404
    assert client.get("/files/9/s.txt", headers=ann).status_int == 404
    upload(client, bob, room_id=den, status=404)
    upload(client, {}, status=401)


def test_whose_files_a_message_may_show(
    client: Client, ann: Headers, bob: Headers, den: int
) -> None:
    bobs, dens = upload(client, bob)["id"], upload(client, ann, room_id=den)["id"]
    own = upload(client, ann)["id"]
    for wrong in ([bobs], [dens], [99], [own, bobs]):
        post(client, ann, *wrong, status=400)
    assert client.sources() == []
    post(client, ann, own)
    post(client, ann, own, status=400)
    post(client, ann, *range(1, 22), status=400)
    post(client, ann, dens, room_id=den)


def test_key_is_for_one_set_of_files(client: Client, ann: Headers) -> None:
    first, second = upload(client, ann)["id"], upload(client, ann)["id"]
    keyed = {**ann, "Idempotency-Key": "k"}
    assert post(client, keyed, first) == post(client, keyed, first)
    post(client, keyed, second, status=422)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "file"),
        ({"Content-Disposition": 'attachment; filename="../x.txt"'}, "x.txt"),
        ({"Content-Disposition": "attachment; filename*=UTF-8''%E2%82%AC.txt"}, "\u20ac.txt"),
        ({"Content-Disposition": "broken;;;="}, "file"),
    ],
)
def test_name_in_the_fields(client: Client, ann: Headers, fields: Headers, name: str) -> None:
    made = client.post("/api/rooms/1/files", b"x", headers={**FORM, **ann, **fields}, status=201)
    assert made.json["name"] == name
    assert made.headers["Location"] == made.json["_links"]["self"]


@pytest.fixture
def small(build: Callable[..., Service]) -> Client:
    """Give a chat where a file has at most 100 bytes, and the two files of an account 150."""
    service = build(max_file_bytes=100, file_bytes_per_account=2 * COST_BYTES + 150)
    return Client(validator(service))


def in_chunks(service: Service, headers: Headers, body: bytes, **environ: Any) -> str:
    """Upload what has no length, as gunicorn passes it on; return the status."""
    builder = EnvironBuilder("/api/rooms/1/files", method="POST", headers=[*headers.items()])
    values = {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True, **environ}
    request = builder.get_environ() | values
    request.pop("CONTENT_LENGTH", None)
    _, status, _ = run_wsgi_app(service, request)
    return status


def test_too_large(small: Client, folder: Path) -> None:
    ann = small.join("ann")
    assert (
        upload(small, ann, b"x" * 101, status=413)["detail"] == "a file may have at most 100 bytes"
    )
    assert not folder.exists()
    upload(small, ann, b"x" * 100)
    refused = upload(small, ann, b"x" * 51, status=413)
    assert refused["detail"] == "your files leave room for 50 bytes"
    upload(small, ann, b"x" * 50)
    assert upload(small, ann, b"", status=413)["detail"] == "your files leave room for 0 bytes"
    assert upload(small, small.join("bob"), b"x" * 60)["size"] == 60


def test_too_large_in_chunks(build: Callable[..., Service], folder: Path) -> None:
    service = build(max_file_bytes=100, file_bytes_per_account=2 * COST_BYTES + 150)
    ann = Client(service).join("ann")
    assert in_chunks(service, ann, b"x" * 101) == "413 REQUEST ENTITY TOO LARGE"
    assert on_disk(folder) == []
    assert in_chunks(service, ann, b"x" * 60) == "201 CREATED"
    # Less than a file may have is left.
    assert in_chunks(service, ann, b"x" * 91) == "413 REQUEST ENTITY TOO LARGE"
    assert in_chunks(service, ann, b"x" * 90) == "201 CREATED"
    assert on_disk(folder) == [b"x" * 60, b"x" * 90]


def test_cut_off_upload_leaves_nothing(service: Service, database: Database, folder: Path) -> None:
    ann = Client(service).join("ann")

    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError("the client is gone")

    assert in_chunks(service, ann, b"", **{"wsgi.input": Broken()}).startswith("400")
    builder = EnvironBuilder(
        "/api/rooms/1/files", method="POST", headers=[*ann.items()], data=b"short"
    )
    _, status, _ = run_wsgi_app(service, builder.get_environ() | {"CONTENT_LENGTH": "9"})
    assert status.startswith("400")
    # A server that says of no end has no body to read (PEP 3333).
    assert in_chunks(service, ann, b"x", **{"wsgi.input_terminated": False}).startswith("201")
    assert on_disk(folder) == [b""]
    with database.reading() as connection:
        assert connection.execute(select(files.c.size)).scalars().all() == [0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk(
    client: Client, ann: Headers, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    upload(client, ann, b"before")
    write = os.write

    def until_it_is_full(descriptor: int, data: bytes) -> int:
        if len(data) < 5:
            raise OSError(code, "No space left on device")
        return write(descriptor, data[:5])

    monkeypatch.setattr("ngw2f.store.file_contents.os.write", until_it_is_full)
    refused = upload(client, ann, b"x" * 9, status=503)
    assert refused["detail"] == "the server has no space left for files"
    monkeypatch.undo()
    assert on_disk(folder) == [b"before"]
    upload(client, ann, b"after")


@both
@pytest.mark.parametrize("is_swept", [True, False])
def test_upload_whose_account_is_deleted_meanwhile(
    service: Service, job_context: JobContext, database: Database, folder: Path, *, is_swept: bool
) -> None:
    """Its row says that it is to be removed, and is gone a minute later."""
    client = Client(service)
    ann = client.join("ann")

    class Slow:
        def read(self, _size: int) -> bytes:
            client.delete(
                "/api/users/1", headers={"Authorization": basic("ann", PASSWORD)}, status=204
            )
            if is_swept:
                with database.writing() as connection:
                    connection.execute(update(files).values(expires_at=0))
                sweep()
            self.read = lambda _size: b""  # type: ignore[method-assign]
            return b"hello"

    assert in_chunks(service, ann, b"", **{"wsgi.input": Slow()}).startswith("409")
    assert on_disk(folder) == []
    with database.reading() as connection:
        assert connection.scalars(select(files.c.id)).all() == []


def test_archived_room_takes_no_files(client: Client, ann: Headers, den: int) -> None:
    client.put_json(f"/api/rooms/{den}", {"archived": True}, headers=ann, status=200)
    upload(client, ann, room_id=den, status=409)


@both
def test_what_nothing_shows_is_removed(
    client: Client, ann: Headers, job_context: JobContext, database: Database, folder: Path
) -> None:
    posted, unused, kept = (upload(client, ann, each)["id"] for each in (b"1", b"2", b"3"))
    message = post(client, ann, posted)
    post(client, ann, kept)
    client.delete(message["_links"]["self"], headers=ann, status=204)
    sweep()
    assert on_disk(folder) == [b"1", b"2", b"3"]
    with database.writing() as connection:
        connection.execute(update(deleted_messages).values(deleted_at=0))
        unposted = update(files).where(files.c.id == unused)
        connection.execute(unposted.values(expires_at=0))
    sweep()
    # The other one may be on its way to somebody yet.
    assert on_disk(folder) == [b"1", b"3"]
    with database.writing() as connection:
        # Only what the sweep has given an end has one.
        older = update(files).where(files.c.id == posted)
        connection.execute(older.values(expires_at=files.c.expires_at - GRACE_SECONDS))
    next(
        path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == b"1"
    ).unlink()
    sweep()
    assert on_disk(folder) == [b"3"]
    with database.reading() as connection:
        assert connection.execute(select(files.c.id)).scalars().all() == [kept]


def test_file_of_a_message_that_an_administrator_deletes_is_removed(
    client: Client, ann: Headers, bob: Headers, job_context: JobContext, database: Database,
    folder: Path,
) -> None:  # fmt: skip
    message = post(client, bob, upload(client, bob)["id"])
    client.delete(message["_links"]["self"], headers=ann, status=204)
    with database.writing() as connection:
        connection.execute(update(files).values(expires_at=files.c.expires_at - GRACE_SECONDS))
    sweep()
    assert on_disk(folder) == []


def test_file_that_cannot_be_removed_keeps_nobody_waiting(
    client: Client, ann: Headers, job_context: JobContext, database: Database, folder: Path
) -> None:
    stuck, other = (upload(client, ann, each)["id"] for each in (b"1", b"2"))
    for path in filter(Path.is_file, list(folder.rglob("*"))):
        if path.read_bytes() == b"1":
            path.unlink()
            path.mkdir()
    with database.writing() as connection:
        connection.execute(update(files).values(expires_at=0))
    sweep()
    assert on_disk(folder) == []
    with database.reading() as connection:
        assert connection.scalars(select(files.c.id)).all() == [stuck] != [other]


def test_lost_file_is_not_found(client: Client, ann: Headers, folder: Path) -> None:
    made = upload(client, ann)
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    assert client.get(made["_links"]["self"], headers=ann).status_int == 404


def test_only_the_owner_of_the_process_reads_them(
    client: Client, ann: Headers, folder: Path
) -> None:
    upload(client, ann)
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*/*")} == {0o600}


def test_nginx_sends_it(build: Callable[..., Service], folder: Path) -> None:
    client = Client(validator(build(files_by_nginx=True)))
    ann = client.join("ann")
    made = upload(client, ann, b"%PDF-1", "a.pdf")
    (path,) = folder.glob("*/*")
    assert path.stat().st_mode & 0o777 == 0o640
    assert client.get(made["_links"]["self"]).status_int == 404
    sent: TestResponse = client.get(made["_links"]["self"], headers=ann, status=200)
    assert sent.body == b""
    assert sent.headers["X-Accel-Redirect"] == f"/_files/{path.parent.name}/{path.name}"
    assert sent.headers["Content-Type"] == "application/pdf"
    assert sent.headers["Content-Disposition"] == 'attachment; filename="a.pdf"'


def test_picture_tells_nobody_where_it_was_taken(
    client: Client, ann: Headers, folder: Path
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Rue du Secret"
    output = BytesIO()
    Image.new("RGB", (8, 8)).save(output, "JPEG", exif=exif)
    made = upload(client, ann, output.getvalue() + b"<script>", "a.jpg")
    assert (made["media_type"], made["size"]) == ("image/jpeg", len(output.getvalue()))
    (content,) = on_disk(folder)
    assert client.get(made["_links"]["self"], headers=ann).body == content
    assert (len(content), b"Secret" in content) == (made["size"], False)


def test_damaged_picture_is_of_no_type(client: Client, ann: Headers, folder: Path) -> None:
    content = b"\x89PNG\r\n\x1a\n<script>"
    made = upload(client, ann, content, "a.png")
    assert made["media_type"] == "application/octet-stream"
    assert on_disk(folder) == [content]
