from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware.cache.dates import format_date
from middleware.static_files import StaticFilesMiddleware
from tests.middleware.contract import AnswerContract, Contract, unreachable
from tests.middleware.serving import Exchange, answering, serve

CONTENT = b"0123456789"
MODIFIED = 1_700_000_000
BEFORE, AT, AFTER = (format_date(MODIFIED + seconds) for seconds in (-1, 0, 1))
Ask = Callable[..., Exchange]


def put(path: Path, content: bytes = CONTENT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (MODIFIED, MODIFIED))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    names = ["a.txt", "b.js", "c.bin", "sub/\u00e9 #?.css", ".well-known/x"]
    for name in [*names, ".hidden", ".git/config", "lonely.gz", "../outside.txt"]:
        put(root / name)
    put(root / "b.js.gz", b"gzipped")
    put(root / "b.js.br", b"brotli")
    put(root / "empty.txt", b"")
    (root / "escape.txt").symlink_to(tmp_path / "outside.txt")
    (root / "folder").symlink_to(tmp_path)
    (root / "inside.txt").symlink_to("a.txt")
    return root


@pytest.fixture
def ask(root: Path) -> Ask:
    app = StaticFilesMiddleware(answering([b"below"]), root, prefix="/static")

    def ask(name: str = "a.txt", method: str = "GET", **fields: str) -> Exchange:
        environ = {f"HTTP_{field.upper()}": value for field, value in fields.items()}
        return serve(app, f"/static/{name}", method, environ_overrides=environ)

    return ask


class TestContractPassing(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return StaticFilesMiddleware(app, Path(__file__).parent, prefix="/static")


class TestAnswer(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return StaticFilesMiddleware(app, Path(__file__).parent, prefix="/static")

    def environ(self, method: str = "GET", **options: Any) -> WSGIEnvironment:
        return create_environ(f"/static/{Path(__file__).name}", method=method, **options)


def test_file_is_sent_whole(ask: Ask) -> None:
    done = ask()
    assert (done.status, done.content) == ("200 OK", CONTENT)
    assert done.header("Content-Type") == "text/plain; charset=utf-8"
    assert done.header("Cache-Control") == "max-age=60, public"
    assert (done.header("Last-Modified"), done.header("Accept-Ranges")) == (AT, "bytes")


@pytest.mark.parametrize(
    ("asked", "content", "span"),
    [
        ("bytes=0-0", b"0", "0-0"),
        ("bytes=-1", b"9", "9-9"),
        ("bytes=9-9", b"9", "9-9"),
        ("bytes=0-", CONTENT, "0-9"),
        ("bytes=5-99", b"56789", "5-9"),
        ("BYTES = 1-2 ,", b"12", "1-2"),
        ("bytes=-99", CONTENT, "0-9"),
        ("bytes=20-30, 3-3", b"3", "3-3"),
    ],
)
def test_range(ask: Ask, asked: str, content: bytes, span: str) -> None:
    done = ask(range=asked)
    assert (done.status, done.content) == ("206 Partial Content", content)
    assert done.header("Content-Range") == f"bytes {span}/10"
    assert done.header("Content-Length") == str(len(content))
    assert ask(method="HEAD", range=asked).status == "200 OK"


def test_several_ranges(ask: Ask) -> None:
    done = ask(range="bytes=0-0,-1")
    kind, boundary = (done.header("Content-Type") or "").split("; boundary=")
    assert (done.status[:3], kind) == ("206", "multipart/byteranges")
    first, second = done.content.split(f"--{boundary}".encode())[1:3]
    assert first.endswith(b"Content-Range: bytes 0-0/10\r\n\r\n0\r\n")
    assert second.endswith(b"Content-Range: bytes 9-9/10\r\n\r\n9\r\n")
    assert done.header("Content-Length") == str(len(done.content))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_range_beyond_the_end(ask: Ask, asked: str) -> None:
    done = ask(range=asked)
    assert (done.status[:3], done.content) == ("416", b"")
    assert done.header("Content-Range") == "bytes */10"


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=a-b", "bytes=2-1", "bytes=", "bytes", "lines=0-1", "", "bytes=0-0;1", "bytes=--1"),
        *("bytes=" + ",".join(["0-0"] * 9), "bytes=0-8,1-9"),
    ],
)
def test_other_ranges_are_ignored(ask: Ask, asked: str) -> None:
    done = ask(range=asked)
    assert (done.status, done.content) == ("200 OK", CONTENT)


def test_if_range(ask: Ask) -> None:
    etag = ask().header("ETag") or ""
    for value, status in [
        (etag, "206"),
        (f"W/{etag}", "200"),
        ('"other"', "200"),
        (f"{etag}, {etag}", "200"),
        (AT, "206"),
        (BEFORE, "200"),
        (AFTER, "200"),
        ("nonsense", "200"),
    ]:
        assert ask(range="bytes=0-0", if_range=value).status[:3] == status, value
    assert ask(if_range=etag).status[:3] == "200"


def test_if_none_match(ask: Ask) -> None:
    etag = ask().header("ETag") or ""
    for value, status in [
        (etag, "304"),
        (f"W/{etag}", "304"),
        (f'"a,b", W/"x" , {etag}', "304"),
        ("*", "304"),
        ('"other"', "200"),
        (etag.strip('"'), "200"),
        ("", "200"),
    ]:
        for method in ("GET", "HEAD"):
            done = ask("a.txt", method, if_none_match=value, if_modified_since=AFTER)
            assert done.status[:3] == status, value
    done = ask(if_none_match=etag, range="bytes=0-0")
    assert (done.status[:3], done.content, done.header("ETag")) == ("304", b"", etag)
    assert "content-length" not in done.header_names()


@pytest.mark.parametrize(
    ("since", "status"),
    [(BEFORE, "200"), (AT, "304"), (AFTER, "304"), ("nonsense", "200"), ("", "200")],
)
def test_if_modified_since(ask: Ask, since: str, status: str) -> None:
    assert ask(if_modified_since=since).status[:3] == status


def test_preconditions(ask: Ask) -> None:
    etag = ask().header("ETag") or ""
    assert ask(if_match=f'"x", {etag}').status[:3] == "200"
    assert ask(if_match="*").status[:3] == "200"
    assert ask(if_match=f"W/{etag}", if_unmodified_since=AFTER).status[:3] == "412"
    assert ask(if_match='"x"', if_none_match=etag).status[:3] == "412"
    assert ask(if_unmodified_since=AT).status[:3] == "200"
    assert ask(if_unmodified_since=BEFORE).status[:3] == "412"
    assert ask(if_unmodified_since="nonsense").status[:3] == "200"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("GZIP, deflate", "gzip"),
        ("gzip, br", "br"),
        ("gzip, br;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("br;q=0, gzip;q=0, *", None),
        ("*", "br"),
        ("zstd", None),
        ("identity;q=0, *;q=0", None),
        ("identity, gzip;q=0.5", None),
    ],
)
def test_compressed_variant(ask: Ask, accepted: str | None, coding: str | None) -> None:
    fields = {} if accepted is None else {"accept_encoding": accepted}
    done = ask("b.js", **fields)
    assert done.header("Content-Encoding") == coding
    assert done.content == {"gzip": b"gzipped", "br": b"brotli", None: CONTENT}[coding]
    assert done.header("Content-Type") == "text/javascript; charset=utf-8"
    assert done.header("Vary") == "Accept-Encoding"


def test_each_variant_has_its_own_tag(ask: Ask) -> None:
    tags = {ask("b.js", accept_encoding=coding).header("ETag") for coding in ("br", "gzip", "x")}
    assert len(tags) == 3
    assert "vary" not in ask("a.txt", accept_encoding="gzip").header_names()


@pytest.mark.parametrize(
    "name",
    [
        *("b.js.gz", "b.js.br", ".hidden", ".git/config", "escape.txt", "folder/outside.txt"),
        *("none", "", "sub", "sub/", "../outside.txt", "sub/../a.txt", "./a.txt", "/a.txt"),
        *("a.txt/", "A.TXT", "a.txt%00", "..%2foutside.txt", "%2e%2e/outside.txt"),
    ],
)
def test_all_else_is_the_applications(ask: Ask, name: str) -> None:
    assert ask(name).content == b"below"


@pytest.mark.parametrize("name", ["inside.txt", ".well-known/x", "lonely.gz", "c.bin"])
def test_other_files(ask: Ask, name: str) -> None:
    assert ask(name).content == CONTENT


def test_names_are_bytes(ask: Ask) -> None:
    done = ask("sub/%C3%A9%20%23%3F.css")
    assert (done.content, done.header("Content-Type")) == (CONTENT, "text/css; charset=utf-8")


def test_types_do_not_depend_on_the_machine(root: Path) -> None:
    app = StaticFilesMiddleware(unreachable, root, prefix="/", types={".bin": "application/x-bin"})
    kinds = [serve(app, path).header("Content-Type") for path in ("/c.bin", "/lonely.gz")]
    assert kinds == ["application/x-bin", "application/octet-stream"]


def test_empty_file(ask: Ask) -> None:
    assert (ask("empty.txt").status, ask("empty.txt").content) == ("200 OK", b"")
    assert ask("empty.txt", range="bytes=0-0").status[:3] == "416"


@pytest.mark.parametrize(
    ("method", "status"), [("POST", "405"), ("OPTIONS", "204"), ("PUT", "405")]
)
def test_other_methods(ask: Ask, method: str, status: str) -> None:
    done = ask("a.txt", method)
    assert (done.status[:3], done.header("Allow")) == (status, "GET, HEAD, OPTIONS")
    assert ask("none", method).content == b"below"


def test_file_that_changes(ask: Ask, root: Path) -> None:
    before = ask().header("ETag")
    (root / "a.txt").write_bytes(b"other")
    done = ask()
    assert (done.content, done.header("Content-Length")) == (b"other", "5")
    assert done.header("ETag") != before


def test_file_of_tomorrow_is_of_today(ask: Ask, root: Path) -> None:
    os.utime(root / "a.txt", (4_000_000_000, 4_000_000_000))
    assert ask(if_modified_since=ask().header("Last-Modified") or "").status[:3] == "304"
    assert "2096" not in (ask().header("Last-Modified") or "")


def test_file_that_is_gone_or_another_thing(ask: Ask, root: Path) -> None:
    (root / "a.txt").unlink()
    assert ask("a.txt").content == b"below"
    os.mkfifo(root / "a.txt")
    assert ask("a.txt").content == b"below"
    (root / "b.js.br").unlink()
    assert ask("b.js", accept_encoding="br").content == CONTENT


def test_link_put_in_the_place_of_a_file_is_not_followed(ask: Ask, root: Path) -> None:
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to(root.parent / "outside.txt")
    assert ask("a.txt").content == b"below"


def test_file_that_becomes_shorter_breaks_the_answer(root: Path) -> None:
    put(root / "a.txt", b"x" * 200_000)
    app = StaticFilesMiddleware(unreachable, root, prefix="/")
    exchange = Exchange(create_environ("/a.txt")).call(app)
    assert exchange.step()
    put(root / "a.txt", b"x")
    with pytest.raises(ConnectionError):
        list(iter(exchange.step, False))
    exchange.close()


@pytest.mark.parametrize("chunks", [None, 1, 0])
def test_file_is_closed(root: Path, chunks: int | None) -> None:
    app = StaticFilesMiddleware(unreachable, root, prefix="/")
    before = descriptors()
    for headers in ({}, {"HTTP_RANGE": "bytes=0-0"}, {"HTTP_IF_NONE_MATCH": "*"}):
        environ = create_environ("/a.txt", environ_overrides=headers)
        Exchange(environ).run(app, chunks=chunks)
    assert descriptors() == before


def test_file_is_closed_when_the_server_refuses(root: Path) -> None:
    def refusing(*_: Any) -> Any:
        raise KeyError

    before = descriptors()
    with pytest.raises(KeyError):
        StaticFilesMiddleware(unreachable, root, prefix="/")(create_environ("/a.txt"), refusing)
    serve(StaticFilesMiddleware(unreachable, root, prefix="/"), "/a.txt", "POST")
    assert descriptors() == before


def test_directory_must_be_there(root: Path) -> None:
    with pytest.raises(ValueError, match="directory"):
        StaticFilesMiddleware(unreachable, root / "none", prefix="/")


def descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")
