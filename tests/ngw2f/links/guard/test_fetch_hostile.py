import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import closing
from random import Random

import pytest

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.errors import LinkFailed, LinkRefused
from ngw2f.links.guard.fetch import Fetcher
from ngw2f.links.guard.media import LINKS, PAGES
from tests.ngw2f.links.lab import HTML, Internet, answer, chunked, read_request, redirect_to

URL = "http://example.com/"
# Before any of the sites below is done, on a machine that others use too.
AT_ONCE = 15.0


def failure_of(fetcher: Fetcher, url: str = URL) -> LinkFailed:
    with pytest.raises(LinkFailed) as caught:
        fetcher.fetch(url, LINKS)
    return caught.value


@pytest.fixture
def hasty(make_fetcher: Callable[..., Fetcher]) -> Fetcher:
    return make_fetcher(timeout_seconds=0.5)


# Time. Each site here would go on for ever; the fetch has half a second.


def drip(data: bytes, pause_seconds: float = 0.02) -> Callable[[socket.socket], None]:
    """Send a byte at a time: no single wait is long."""

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        for each in range(len(data)):
            connection.sendall(data[each : each + 1])
            time.sleep(pause_seconds)

    return handle


def wait_after(data: bytes) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)
        connection.recv(1)

    return handle


SLOW_SITES: dict[str, Callable[[socket.socket], object]] = {
    "silent": lambda connection: (
        connection.recv(1) and connection.recv(10_000) and connection.recv(1)
    ),
    "status line": drip(b"HTTP/1.1 200 OK" + b" " * 1000),
    "headers": drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000),
    "empty headers": drip(b"HTTP/1.1 200 OK\r\n" + b"X:\r\n" * 1000),
    "continue": drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "body": drip(answer(b"x" * 1000)),
    "body with length": drip(answer(b"x" * 1000, "Content-Length: 1000")),
    "gzip": drip(answer(gzip.compress(Random(1).randbytes(1000)), "Content-Encoding: gzip")),
    "chunk": drip(answer(b"1000\r\n" + b"x" * 1000, "Transfer-Encoding: chunked")),
    "chunk size": drip(answer(b"0" * 1000, "Transfer-Encoding: chunked")),
    "trailer": drip(answer(b"0\r\n" + b"X:\r\n" * 1000, "Transfer-Encoding: chunked")),
    "rest of the body": wait_after(answer(b"x", "Content-Length: 2")),
    "end of the body": wait_after(answer(b"x")),
    "next chunk": wait_after(answer(chunked(b"x"), "Transfer-Encoding: chunked")),
    "half a header": wait_after(b"HTTP/1.1 200 OK\r\nContent"),
}


@pytest.mark.parametrize("site", SLOW_SITES.values(), ids=SLOW_SITES)
def test_slow_site_is_left_in_time(
    internet: Internet, hasty: Fetcher, site: Callable[[socket.socket], None]
) -> None:
    internet.site("example.com", site)
    start = time.monotonic()
    failure = failure_of(hasty)
    assert failure.kind == "timeout"
    assert 0.45 < time.monotonic() - start < AT_ONCE


def test_redirects_share_the_time(internet: Internet, hasty: Fetcher) -> None:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        time.sleep(0.2)
        connection.sendall(redirect_to("/again"))

    internet.site("example.com", handle)
    start = time.monotonic()
    assert failure_of(hasty).kind == "timeout"
    assert time.monotonic() - start < AT_ONCE


@pytest.mark.parametrize("connect_seconds", [0.0, 0.35])
def test_slow_handshake_is_left_in_time(
    internet: Internet, make_fetcher: Callable[..., Fetcher], connect_seconds: float
) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"\x16\x03\x03\x40\x00")  # A record of 16 KiB is to come.
        for _ in range(1000):
            connection.sendall(b"\x02")
            time.sleep(0.02)

    def connect(address: Address, port: int, timeout_seconds: float) -> socket.socket:
        time.sleep(connect_seconds)
        return internet.connect(address, port, timeout_seconds)

    internet.site("example.com", handle, port=443)
    start = time.monotonic()
    fetcher = make_fetcher(timeout_seconds=0.5, connect=connect)
    assert failure_of(fetcher, "https://example.com/").kind == "timeout"
    assert time.monotonic() - start < AT_ONCE


def test_request_that_nobody_reads_is_left_in_time(
    internet: Internet, make_fetcher: Callable[..., Fetcher]
) -> None:
    """A link of 2,048 characters is 24 kB in ASCII, for which a small window has no room."""
    here, there = socket.socketpair()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    internet.name("example.com", "8.8.8.8")
    fetcher = make_fetcher(timeout_seconds=0.5, connect=lambda *_arguments: here)
    hanging_up = threading.Timer(10, there.close)
    hanging_up.start()
    with closing(there):
        assert failure_of(fetcher, URL + "\N{FOX FACE}" * 2000).kind == "timeout"
    hanging_up.cancel()
    hanging_up.join()


def test_slow_connection_leaves_time_for_the_next(
    internet: Internet, make_fetcher: Callable[..., Fetcher]
) -> None:
    waits = []

    def connect(address: object, port: int, timeout_seconds: float) -> socket.socket:
        waits.append(timeout_seconds)
        raise TimeoutError

    internet.name("example.com", "8.8.8.8 8.8.4.4")
    fetcher = make_fetcher(connect=connect, timeout_seconds=10, clock=lambda: 0.0)
    assert failure_of(fetcher).kind == "connect"
    assert waits == [2.0, 10.0]


def test_clock_past_the_deadline_ends_the_fetch(
    internet: Internet, make_fetcher: Callable[..., Fetcher]
) -> None:
    ticks = iter([0.0, 0.5, 10.0])
    internet.site("example.com", answer())
    failure = failure_of(make_fetcher(clock=lambda: next(ticks), timeout_seconds=10))
    assert failure.kind == "timeout"
    assert internet.dials == []


# Amount. Each site here sends as much as is taken.


def flood(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return handle


GZIPPED = ("Content-Encoding: gzip",)
CHUNKED = ("Transfer-Encoding: chunked",)
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
GZIP_START = gzip.compress(b"")[:10]
FLOODS = {
    "status line": (flood(b"HTTP/1.1 200 ", b"x" * 65536), {"protocol", "size"}),
    "header": (flood(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), {"protocol", "size"}),
    "headers": (flood(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 10_000), {"size"}),
    "lengths": (flood(b"HTTP/1.1 200 OK\r\n", b"Age: 1\r\n" * 10_000), {"protocol"}),
    "large headers": (flood(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 9000 + b"\r\n"), {"size"}),
    "folded header": (flood(b"HTTP/1.1 200 OK\r\nX: x\r\n", b" x\r\n" * 10_000), {"size"}),
    "continues": (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), {"size"}),
    "early hints": (flood(b"", b"HTTP/1.1 103 Early Hints\r\nX: x\r\n\r\n" * 1000), {"size"}),
    "chunk size": (flood(answer(b"", *CHUNKED), b"0" * 65536), {"protocol", "size"}),
    "chunk extension": (
        flood(answer(b"", *CHUNKED), b"1;" + b"x" * 60_000 + b"\r\nx\r\n"),
        {"size"},
    ),
    "small chunks": (flood(answer(b"", *CHUNKED), b"1\r\nx\r\n" * 10_000), {"protocol"}),
    "trailers": (flood(answer(b"0\r\n", *CHUNKED), b"X: x\r\n" * 10_000), {"size"}),
    "empty gzip blocks": (flood(answer(GZIP_START, *GZIPPED), EMPTY_BLOCK * 10_000), {"size"}),
    "gzip bomb": (flood(answer(gzip.compress(bytes(10**7)), *GZIPPED), b"x"), {"size"}),
    "image": (flood(answer(b"", media="image/png"), b"x" * 65536), {"size"}),
}


@pytest.mark.parametrize(("site", "kinds"), FLOODS.values(), ids=FLOODS)
def test_flood_is_left(
    internet: Internet, fetcher: Fetcher, site: Callable[[socket.socket], None], kinds: set[str]
) -> None:
    internet.site("example.com", site)
    assert failure_of(fetcher).kind in kinds


@pytest.mark.parametrize(
    "headers", [(), CHUNKED, ("Content-Length: 99999999999999999999",)], ids=str
)
def test_endless_page_is_cut(
    internet: Internet, fetcher: Fetcher, headers: tuple[str, ...]
) -> None:
    piece = chunked(b"x" * 60_000) if headers == CHUNKED else b"x" * 60_000
    internet.site("example.com", flood(answer(b"", *headers), piece))
    fetched = fetcher.fetch(URL, PAGES)
    assert fetched.is_cut
    assert len(fetched.body) == 1024 * 1024


# Lies and breakage.

BROKEN = {
    "nothing": (b"", {"protocol"}),
    "not http": (b"SSH-2.0-OpenSSH_9.6\r\n", {"protocol"}),
    "http 0.9": (HTML, {"protocol"}),
    "http 2": (b"HTTP/2 200 OK\r\n\r\n", {"protocol"}),
    "binary": (bytes(range(256)) * 10, {"protocol"}),
    "status word": (b"HTTP/1.1 OK\r\n\r\n", {"protocol"}),
    "status 99": (b"HTTP/1.1 99 Low\r\n\r\n", {"protocol"}),
    "status only": (b"HTTP/1.1 200", {"type", "protocol"}),
    "redis error": (b"-ERR unknown command\r\n", {"protocol"}),
    "bad chunk": (answer(b"zz\r\nx\r\n", *CHUNKED), {"protocol"}),
    "negative chunk": (answer(b"-5\r\nxxxxx\r\n", *CHUNKED), {"protocol"}),
    "short chunk": (answer(b"ffff\r\n", *CHUNKED), {"protocol"}),
    "two lengths": (answer(b"x", "Content-Length: 1", "Content-Length: 2"), {"protocol"}),
    "not gzip": (answer(b"\x1f" + HTML, *GZIPPED), {"encoding"}),
    "broken gzip": (answer(GZIP_START + b"\x07" + b"x" * 50, *GZIPPED), {"encoding"}),
    "headers of nuls": (b"HTTP/1.1 200 OK\r\n" + b"\0" * 500 + b"\r\n\r\n", {"type", "protocol"}),
    "no colon": (b"HTTP/1.1 200 OK\r\nContent-Type text/html\r\n\r\n", {"type", "protocol"}),
    "bad location": (redirect_to("http://[::1"), {"syntax"}),
    "nul location": (redirect_to("http://a\0b/"), {"syntax"}),
}


@pytest.mark.parametrize(("sent", "kinds"), BROKEN.values(), ids=BROKEN)
def test_broken_answer_fails(
    internet: Internet, fetcher: Fetcher, sent: bytes, kinds: set[str]
) -> None:
    internet.site("example.com", sent)
    with pytest.raises((LinkFailed, LinkRefused)) as caught:
        fetcher.fetch(URL, PAGES)
    assert caught.value.kind in kinds
    assert caught.value.reason.isprintable()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX: ", answer(b"x")], ids=len)
def test_reset_connection_fails(internet: Internet, fetcher: Fetcher, sent: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(sent)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    internet.site("example.com", handle)
    assert failure_of(fetcher).kind in ("connect", "protocol")


@pytest.mark.parametrize(
    ("header", "body"),
    [("3", b"<!d"), ("900", HTML), ("-1", HTML), ("x", HTML), ("", HTML), ("9" * 5000, HTML)],
    ids=["short", "long", "negative", "word", "empty", "huge"],
)
def test_lying_length_still_gives_what_came(
    internet: Internet, fetcher: Fetcher, header: str, body: bytes
) -> None:
    internet.site("example.com", answer(HTML, f"Content-Length: {header}"))
    assert fetcher.fetch(URL, PAGES).body == body
