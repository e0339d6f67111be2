"""Files by a form, without JavaScript, and on the page."""

import re
from collections.abc import Callable
from pathlib import Path
from wsgiref.validate import validator

import pytest
from webtest import TestResponse, Upload

from ngw2f.actions.messages import Messages
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store.files import COST_BYTES
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import form_of, page, submit, texts

PATH = "/rooms/lobby/files"
Files = list[tuple[str, str, bytes]]


@pytest.fixture
def ann(client: Client) -> Client:
    client.sign_in("ann")
    return client


def send(client: Client, files: Files, path: str = PATH, **fields: str) -> TestResponse:
    return client.post(path, fields, upload_files=files, headers=BROWSER)


def on_disk(settings: Settings) -> list[bytes]:
    found = Path(settings.data_dir, "files").rglob("*")
    return sorted(path.read_bytes() for path in found if path.is_file())


def test_form_posts_text_and_files(ann: Client, settings: Settings) -> None:
    shown = page(ann)
    (button,) = shown.html.select("noscript button")
    assert (button["formaction"], button["formenctype"]) == (PATH, "multipart/form-data")
    form = form_of(shown, "/rooms/lobby")
    assert form["file"].attrs["multiple"] == ""
    form.action, form.enctype = button["formaction"], button["formenctype"]
    form["source"] = "look *here*"
    form["file"] = [Upload("<b>.txt", b"hello")]
    answer = form.submit(headers=BROWSER)
    assert (answer.status_int, answer.headers["Location"]) == (303, "/rooms/lobby#end")
    shown = page(ann)
    (link,) = shown.html.select(".message .file")
    assert re.sub(r"\s+", " ", link.text).strip() == "_b_.txt 5 B"
    assert re.fullmatch(r"/files/\d+/_b_\.txt", link["href"])
    assert ann.get(link["href"]).body == b"hello"
    assert f"    + _b_.txt (5 B) http://localhost{link['href']}\n" in ann.get("/").text
    assert ann.sources() == ["look *here*"]
    assert on_disk(settings) == [b"hello"]


def test_several_files_without_text(ann: Client) -> None:
    files = [("file", f"{name}.bin", b"x" * size) for name, size in (("a", 0), ("b", 300_000))]
    assert send(ann, files, source="", reply_to="").status_int == 303
    assert texts(page(ann), ".file span") == ["0 B", "300 kB"]
    assert ann.sources() == [""]


def test_form_that_is_sent_again_is_one_message(ann: Client) -> None:
    shown = page(ann)
    key = form_of(shown, "/rooms/lobby")["idempotency_key"].value
    fields = {"source": "look", "reply_to": "", "idempotency_key": key}
    for _ in range(2):
        answer = send(ann, [("file", "a.txt", b"hello")], **fields)
        assert (answer.status_int, answer.headers["Location"]) == (303, "/rooms/lobby#end")
    assert ann.sources() == ["look"]
    # Somebody went back, and chose another file of this name.
    send(ann, [("file", "a.txt", b"other")], **fields)
    assert ann.sources() == ["look", "look"]
    files = [each["files"][0] for each in ann.get("/api/messages").json["messages"]]
    assert [ann.get(each["_links"]["self"]).body for each in files] == [b"hello", b"other"]
    # Somebody went back, and wrote another text, or chose the file under another name.
    send(ann, [("file", "a.txt", b"hello")], **{**fields, "source": "see"})
    send(ann, [("file", "b.txt", b"hello")], **fields)
    assert sorted(ann.sources()) == ["look", "look", "look", "see"]
    # What is deleted does not come back.
    ann.delete("/api/messages/1", status=204)
    send(ann, [("file", "a.txt", b"hello")], **fields)
    assert sorted(ann.sources()) == ["look", "look", "see"]


def test_form_that_comes_twice_at_a_time(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    key = form_of(page(ann), "/rooms/lobby")["idempotency_key"].value
    # As the second sees it before the first has posted.
    monkeypatch.setattr(Messages, "was_posted", lambda *_: False)
    for _ in range(2):
        files = [("file", "a.txt", b"x")]
        assert send(ann, files, source="look", idempotency_key=key).status_int == 303
    assert ann.sources() == ["look"]


def test_reply_with_files(ann: Client) -> None:
    first = ann.post_json("/api/messages", {"source": "first"}, status=201).json["id"]
    send(ann, [("file", "a", b"x")], source="second", reply_to=str(first))
    messages = ann.get("/api/messages").json["messages"]
    assert messages[-1]["reply_to"] == first


def test_one_file_for_two_rooms_from_pages_of_one_moment(ann: Client) -> None:
    ann.post_json("/api/rooms", {"name": "den"}, status=201)
    # The key is the same on both pages: nothing has happened between them.
    pages = [page(ann, path) for path in ("/rooms/lobby", "/rooms/den")]
    for shown, path in zip(pages, ("/rooms/lobby", "/rooms/den"), strict=True):
        key = form_of(shown, path)["idempotency_key"].value
        answer = send(ann, [("file", "a.txt", b"x")], f"{path}/files", idempotency_key=key)
        assert answer.headers["Location"] == f"{path}#end"
    for room_id in (1, 2):
        (message,) = ann.get(f"/api/rooms/{room_id}/messages").json["messages"]
        assert [each["name"] for each in message["files"]] == ["a.txt"]


@pytest.mark.parametrize("kind", ["private", "direct"])
def test_rooms_of_all_kinds(ann: Client, kind: str) -> None:
    if kind == "private":
        ann.post_json("/api/rooms", {"name": "den", "private": True}, status=201)
        path = "/rooms/den/2"
    else:
        ann.post_json("/api/direct", {"user_ids": [ann.register("bob")]}, status=201)
        path = "/direct/2"
    assert send(ann, [("file", "a", b"x")], f"{path}/files").headers["Location"] == f"{path}#end"
    assert ann.get("/api/rooms/2/messages").json["messages"][0]["files"]
    ann.reset()
    assert send(ann, [("file", "a", b"x")], f"{path}/files").status_int == 401


def test_refused_form_comes_back_with_the_text(build: Callable[..., Service]) -> None:
    client = Client(validator(build(max_file_bytes=100, file_bytes_per_account=COST_BYTES + 2_000)))
    client.sign_in("ann")
    answer = send(client, [("file", "a", b"x" * 101)], source="look")
    assert (answer.status_int, texts(answer, "#write")) == (413, ["look"])
    assert texts(answer, "#problem") == [
        "Not sent: a file may have at most 100 bytes. Choose the files again."
    ]
    many = [("file", "a", b"")] * 21
    answer = send(client, many, source="look")
    assert texts(answer, "#problem") == [
        "Not sent: a message may have at most 20 files. Choose the files again."
    ]
    answer = send(client, [], source=" ")
    assert answer.status_int == 400
    assert not texts(answer, "#problem")[0].endswith("again.")
    assert client.sources() == []


def test_as_many_files_as_a_message_has(ann: Client) -> None:
    assert send(ann, [("file", "a", b"")] * 20).status_int == 303


def test_form_needs_room_before_it_is_read(
    build: Callable[..., Service], settings: Settings
) -> None:
    client = Client(validator(build(file_bytes_per_account=COST_BYTES + 150)))
    client.sign_in("ann")
    answer = send(client, [("file", "a", b"x" * 200)], source="look")
    assert (answer.status_int, on_disk(settings)) == (413, [])
    assert texts(answer, "#problem") == [
        "Not sent: your files leave room for 150 bytes. Choose the files again."
    ]
    # It is the account's again after it.
    headers = {"Content-Type": "application/octet-stream"}
    client.post("/api/rooms/1/files?name=a", b"x" * 150, headers=headers, status=201)


def test_file_may_be_longer_than_other_bodies(build: Callable[..., Service]) -> None:
    client = Client(validator(build(max_body_bytes=10_000)))
    client.sign_in("ann")
    assert send(client, [("file", "a", b"x" * 200_000)], source="look").status_int == 303
    assert send(client, [("file", "a", b"")], source="x" * 200_000).status_int == 413
    assert client.sources() == ["look"]


def test_form_without_files_is_as_short_as_others(ann: Client) -> None:
    """It would be in memory as a whole, field by field."""
    headers = {**BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"source=look&" + b"a&" * 200_000, b"source=look"):
        answer = ann.post(PATH, body, headers=headers)
        assert answer.status_int == (413 if len(body) > 100_000 else 303)
    assert ann.sources() == ["look"]


def test_name_of_a_file_alone_is_no_file(ann: Client) -> None:
    answer = ann.post("/rooms/lobby", {"source": "look", "file": "a.txt"}, headers=BROWSER)
    assert (answer.status_int, texts(answer, "#write")) == (400, ["look"])
    assert texts(answer, "#problem") == ['Not sent: to send files, press "Send with files"']


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"'),
        ("multipart/form-data; boundary=x", b"nothing"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n--x--\r\n"),
    ],
)
def test_broken_form(ann: Client, kind: str, body: bytes, settings: Settings) -> None:
    answer = ann.post(PATH, body, headers={**BROWSER, "Content-Type": kind})
    assert answer.status_int == 400
    assert ann.sources() == []
    assert on_disk(settings) == []


def test_too_many_parts(ann: Client, settings: Settings) -> None:
    assert send(ann, [("file", "a", b"x")] * 31).status_int == 413
    fields = {f"field-{number}": "x" for number in range(31)}
    assert send(ann, [("file", "a", b"x")], **fields).status_int == 413
    assert send(ann, [("file", "a", b"x")], source="x" * 300_000).status_int == 413
    assert on_disk(settings) == []


def test_archived_room_reads_no_form(ann: Client) -> None:
    ann.post_json("/api/rooms", {"name": "den"}, status=201)
    ann.put_json("/api/rooms/2", {"archived": True}, status=200)
    assert send(ann, [("file", "a", b"x")], "/rooms/den/files").status_int == 409


def test_post_without_files_works_as_before(ann: Client) -> None:
    assert submit(page(ann), "/rooms/lobby", source="hello").status_int == 303
    assert ann.sources() == ["hello"]
