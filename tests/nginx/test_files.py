"""What people upload: the length that nginx lets through, and what it sends itself."""

from pathlib import Path

import pytest

from tests.nginx.recorder import Headers, Recorder
from tests.nginx.running import Client

LONGER = b"x" * 300_000
TOLD: Headers = [
    ("X-Accel-Redirect", "/_files/ab/abcdef"),
    ("Content-Disposition", 'attachment; filename="a.pdf"'),
    ("Cache-Control", "private, no-cache"),
]


@pytest.fixture
def stored(directory: Path) -> bytes:
    body = b"%PDF-1 " + bytes(range(256)) * 400
    path = directory / "uploads" / "ab" / "abcdef"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return body


@pytest.mark.parametrize(
    "path",
    ["/api/rooms/7/files?name=a", "/rooms/lobby/files", "/rooms/a%20b/7/files", "/direct/7/files"],
)
def test_file_may_be_longer_than_other_bodies(
    client: Client, recorders: list[Recorder], path: str
) -> None:
    assert client.ask(path, "POST", LONGER).status == 200
    (request,) = recorders[0].requests + recorders[1].requests
    assert len(request.body) == len(LONGER)


@pytest.mark.parametrize("path", ["/api/rooms/7/messages", "/rooms/lobby", "/api/rooms/x/files"])
def test_other_bodies_may_not(client: Client, path: str) -> None:
    assert client.ask(path, "POST", LONGER).status == 413


def test_there_is_a_limit(client: Client, recorders: list[Recorder]) -> None:
    size = {"Content-Length": str(200 * 1024 * 1024)}
    assert client.ask("/api/rooms/7/files", "POST", headers=size).status == 413
    assert not recorders[0].requests + recorders[1].requests


def test_nginx_sends_what_the_application_names(
    client: Client, recorders: list[Recorder], stored: bytes
) -> None:
    for recorder in recorders:
        recorder.headers = TOLD
    sent = client.ask("/files/1/a.pdf")
    assert (sent.status, sent.body) == (200, stored)
    fields = {
        **dict(TOLD[1:]),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Authorization, Cookie",
    }
    assert {name: sent.headers[name] for name in fields} == fields
    assert "X-Accel-Redirect" not in sent.headers
    part = client.ask("/files/1/a.pdf", headers={"Range": "bytes=7-9"})
    assert (part.status, part.body) == (206, b"\0\1\2")
    known = client.ask("/files/1/a.pdf", headers={"If-None-Match": sent.headers["ETag"]})
    assert known.status == 304
    # The application is asked each time.
    assert len(recorders[0].requests + recorders[1].requests) == 3


def test_nobody_else_leads_there(client: Client, recorders: list[Recorder], stored: bytes) -> None:
    assert stored
    for path in ("/_files/ab/abcdef", "/_files/", "/_files/ab/../ab/abcdef"):
        assert client.ask(path).status in {400, 404}
    own = {"X-Accel-Redirect": "/_files/ab/abcdef"}
    assert client.ask("/files/1/a.pdf", headers=own).body != stored
    assert recorders
