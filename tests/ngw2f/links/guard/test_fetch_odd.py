"""Answers whose headers are odd and harmless: browsers show the page."""

import socket

import pytest

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.fetch import Fetcher
from ngw2f.links.guard.media import IMAGES, LINKS, PAGES, Accepted
from tests.ngw2f.links.lab import HTML, Internet, answer, chunked, read_request

URL = "http://example.com/"


def failure_of(fetcher: Fetcher, accepted: Accepted = PAGES) -> LinkFailed:
    with pytest.raises(LinkFailed) as caught:
        fetcher.fetch(URL, accepted)
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: utf-8, Chunked",),
        ("Transfer-Encoding: identity", "Transfer-Encoding:\tchunked "),
        ("Transfer-Encoding: chunked", "Content-Length: 3"),
    ],
)
def test_chunks_are_told_by_one_word(
    internet: Internet, fetcher: Fetcher, headers: tuple[str, ...]
) -> None:
    internet.site("example.com", answer(chunked(HTML, b""), *headers))
    assert fetcher.fetch(URL, PAGES).body == HTML


@pytest.mark.parametrize("coding", ["", "identity", "none", "utf-8", "binary", "8bit", "text/html"])
@pytest.mark.parametrize("length", [(), (f"Content-Length: {len(HTML)}",)], ids=["", "length"])
def test_transfer_coding_that_is_none_is_passed_over(
    internet: Internet, fetcher: Fetcher, coding: str, length: tuple[str, ...]
) -> None:
    internet.site("example.com", answer(HTML, f"Transfer-Encoding: {coding}", *length))
    assert fetcher.fetch(URL, PAGES).body == HTML


@pytest.mark.parametrize("body", [HTML, chunked(HTML, b"")], ids=["plain", "chunked"])
def test_old_version_has_chunks_where_they_are(
    internet: Internet, fetcher: Fetcher, body: bytes
) -> None:
    sent = answer(body, "Transfer-Encoding: chunked", f"Content-Length: {len(HTML)}")
    internet.site("example.com", sent.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_old_versions_length_holds(internet: Internet, fetcher: Fetcher) -> None:
    """Its connection may stay open."""

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        sent = answer(HTML, "Transfer-Encoding: chunked", f"Content-Length: {len(HTML)}")
        connection.sendall(sent.replace(b"HTTP/1.1", b"HTTP/1.0"))
        connection.recv(1)

    internet.site("example.com", handle)
    assert fetcher.fetch(URL, PAGES).body == HTML


BROKEN_OFF = {
    "no last chunk": chunked(HTML),
    "half a chunk": chunked(HTML) + b"ffff\r\nx",
    "bad size": chunked(HTML) + b"zz\r\n",
}


@pytest.mark.parametrize("body", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_page_that_breaks_off_is_what_came(
    internet: Internet, fetcher: Fetcher, body: bytes
) -> None:
    internet.site("example.com", answer(body, "Transfer-Encoding: chunked"))
    assert fetcher.fetch(URL, PAGES).body.startswith(HTML)


@pytest.mark.parametrize("body", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_picture_that_breaks_off_is_none(internet: Internet, fetcher: Fetcher, body: bytes) -> None:
    sent = answer(body, "Transfer-Encoding: chunked", media="image/png")
    internet.site("example.com", sent)
    assert failure_of(fetcher, IMAGES).kind == "protocol"


def test_page_that_is_not_the_gzip_it_is_called(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(HTML, "Content-Encoding: gzip"))
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_page_that_a_proxy_has_changed_is_one(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(status="203 Non-Authoritative Information"))
    assert fetcher.fetch(URL, PAGES).body == HTML


# Answers that their site does not name, or wrongly.

UNNAMED = [None, "", "html", "*/*", "unknown/unknown", "application/unknown; charset=utf-8", ";"]


@pytest.mark.parametrize("media", UNNAMED)
def test_page_without_a_type_is_one_by_its_bytes(
    internet: Internet, fetcher: Fetcher, media: str | None
) -> None:
    internet.site("example.com", answer(media=media))
    fetched = fetcher.fetch(URL, LINKS)
    assert (fetched.media_type, fetched.body) == ("text/html", HTML)


@pytest.mark.parametrize(
    "body", [b"", b"plain", b"<hr>", b"%PDF-1.7", b"\x1f\x8b", b'{"a": 1}', b"x<html>", b"GIF89a"]
)
def test_other_bytes_without_a_type_are_not_read(
    internet: Internet, fetcher: Fetcher, body: bytes
) -> None:
    internet.site("example.com", answer(body, media=None))
    assert failure_of(fetcher).kind == "type"


def test_site_may_forbid_to_look(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(HTML, "X-Content-Type-Options: nosniff", media=None))
    assert failure_of(fetcher).kind == "type"


@pytest.mark.parametrize("length", [99, 2_000_000])
def test_picture_without_a_type_is_whole(internet: Internet, fetcher: Fetcher, length: int) -> None:
    internet.site("example.com", answer(b"GIF89a".ljust(length), media=None))
    if length < 100:
        assert fetcher.fetch(URL, LINKS).media_type == "image/gif"
    else:
        assert failure_of(fetcher, accepted=LINKS).kind == "type"
    assert fetcher.fetch(URL, IMAGES).body == b"GIF89a".ljust(length)


@pytest.mark.parametrize("media", [*UNNAMED, "image/*", "image/x-any", "text/plain", "a/b"])
def test_picture_that_is_asked_for_may_be_called_anything(
    internet: Internet, fetcher: Fetcher, media: str | None
) -> None:
    internet.site("example.com", answer(b"GIF89a", media=media))
    assert fetcher.fetch(URL, IMAGES).body == b"GIF89a"


@pytest.mark.parametrize("media", ["image/svg+xml", "text/html", "text/xhtml"])
def test_picture_is_not_called_that(internet: Internet, fetcher: Fetcher, media: str) -> None:
    internet.site("example.com", answer(b"GIF89a", media=media))
    assert failure_of(fetcher, accepted=IMAGES).kind == "type"
