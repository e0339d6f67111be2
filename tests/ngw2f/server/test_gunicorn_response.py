from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import gevent.socket
import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName

from ngw2f.server.connection import Connection
from ngw2f.server.gunicorn_response import REMEMBERED_LINES, OwnResponse, use_own_response

CONFIG = Config()
DATE = "Sat, 21 Nov 2020 10:00:00 GMT"


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "Response", wsgi.Response)  # Put back after the test.
    use_own_response()


class Request:
    method = "GET"
    version = (1, 1)

    def should_close(self) -> bool:
        return False


def head_of(*headers: tuple[str, str]) -> list[str]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        response: Any = wsgi.Response(Request(), ours, CONFIG)
        response.start_response("200 OK", [*headers, ("Content-Length", "0")])
        response.send_headers()
        return theirs.recv(65536).decode().split("\r\n")


def dates(*headers: tuple[str, str]) -> list[str]:
    return [line for line in head_of(*headers) if line.lower().startswith("date:")]


@pytest.mark.parametrize("name", ["Date", "date"])
def test_date_of_the_application_is_sent(name: str) -> None:
    assert dates((name, f" {DATE} ")) == [f"Date: {DATE}"]


def test_without_one_gunicorn_sends_its_own() -> None:
    (date,) = dates()
    assert date.endswith("GMT")


def test_only_one_date_is_sent() -> None:
    assert len(dates(("Date", DATE), ("Date", DATE))) == 1


def test_rest_of_the_head_is_gunicorns() -> None:
    lines = head_of(("Date", DATE), ("X-A", "1"), ("Server", "mine"))
    assert lines[0] == "HTTP/1.1 200 OK"
    assert "X-A: 1" in lines
    assert "Server: mine" not in lines


def test_calling_it_twice_does_no_harm() -> None:
    once = wsgi.Response
    use_own_response()
    assert wsgi.Response is once


def written(
    response_class: Any, status: str, headers: list[tuple[str, str]], *chunks: bytes
) -> str:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        response = response_class(Request(), ours, CONFIG)
        response.start_response(status, headers)
        for chunk in chunks:
            response.write(chunk)
        response.close()
        return theirs.recv(65536).decode("latin-1")


LENGTH = ("Content-Length", "5")


@pytest.mark.parametrize(
    ("status", "headers", "chunks"),
    [
        ("200 OK", [LENGTH, ("X-A", "1"), ("X-A", "1"), ("X-A", "2")], [b"hello"]),
        ("200 OK", [LENGTH, ("X-A", " \t1 "), ("X-Empty", ""), ("X-Latin", "\xe9")], [b"hello"]),
        ("200 OK", [LENGTH, ("X-Request-ID", "abc12"), ("Age", "0")], [b"hello"]),
        ("200 OK", [LENGTH, ("X-Request-ID", " a-b ")], [b"hello"]),
        ("200 OK", [LENGTH, ("Server-Timing", "a;dur=1, b;dur=2")], [b"hello"]),
        ("201 Created", [LENGTH, ("Location", "/a/7"), ("RateLimit", '"a";r=1')], [b"hello"]),
        ("200 OK", [LENGTH, ("Set-Cookie", "a=1; Path=/"), ("Keep-Alive", "9")], [b"hello"]),
        ("200 OK", [("X-A", "1")], [b"hello", b"", b"you"]),
        ("200 OK", [("content-length", "3")], [b"hello"]),
        ("101 Switching Protocols", [("Connection", "upgrade"), ("Upgrade", "websocket")], []),
        ("204 No Content", [LENGTH], []),
        ("304 Not Modified", [("ETag", '"e"'), ("Vary", "Accept")], []),
    ],
)
def test_response_is_gunicorns_but_for_the_date(
    status: str, headers: list[tuple[str, str]], chunks: list[bytes]
) -> None:
    """Also with Date from the application, and when the lines are known."""
    expected = re.sub(
        r"Date: [^\r]*", "Date: D", written(wsgi.Response.__base__, status, headers, *chunks)
    )
    for _ in range(2):
        assert written(wsgi.Response, status, [*headers, ("Date", "D")], *chunks) == expected
        mine = written(wsgi.Response, status, headers, *chunks)
        assert re.sub(r"Date: [^\r]*", "Date: D", mine) == expected


class Recorder:
    """A socket that takes all, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def send(self, content: bytes) -> int:
        self.given.append(content)
        return len(content)

    sendall = send


@pytest.mark.parametrize("headers", [[("Content-Length", "100000")], []], ids=["length", "chunked"])
def test_many_bytes_are_not_copied(headers: list[tuple[str, str]]) -> None:
    """So clients that are sent the same ones, and do not read, have no copies of their own."""
    sock, many = Recorder(), b"x" * 100_000
    response: Any = wsgi.Response(Request(), sock, CONFIG)
    response.start_response("200 OK", headers)
    response.write(many)
    if not headers:
        response.write(many)
    response.close()
    assert sum(content is many for content in sock.given) == (1 if headers else 2)
    head, _, body = b"".join(sock.given).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    chunk = b"186A0\r\n%b\r\n" % many
    assert body == (many if headers else chunk * 2 + b"0\r\n\r\n")


@pytest.mark.parametrize("name", ["X-A", "X-Request-ID", "Set-Cookie", "Location", "Server-Timing"])
def test_line_break_is_refused_each_time(name: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidResponseHeader):
            head_of((name, "a\r\nX-B: c"))


def test_name_is_checked() -> None:
    with pytest.raises(InvalidResponseHeaderName):
        head_of(("X A", "1"))


def test_more_lines_than_are_remembered() -> None:
    remembered = OwnResponse._plain
    lines = [("X-Number", str(number)) for number in range(REMEMBERED_LINES + 2)]
    for _ in range(2):
        assert head_of(*lines)[4:-3] == [f"X-Number: {number}" for _, number in lines]
        assert 0 < len(remembered) <= REMEMBERED_LINES


def test_client_that_takes_a_little_at_a_time_gets_all() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.settimeout(60)
        response: Any = wsgi.Response(Request(), ours, CONFIG)
        response.start_response("200 OK", [])
        body = random.Random(1).randbytes(300_000)
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(b"".join(all_of(theirs))))
        reader.start()
        response.write(body[:100_000])
        response.write(body[100_000:])
        ours.shutdown(socket.SHUT_WR)
        reader.join()
    head, _, rest = received[0].partition(b"\r\n\r\n")
    assert head.endswith(b"Transfer-Encoding: chunked")
    assert rest == b"186A0\r\n%b\r\n30D40\r\n%b\r\n" % (body[:100_000], body[100_000:])


@pytest.fixture
def streaming() -> Iterator[tuple[Any, Connection, Any]]:
    """Return a response in chunks that has begun, its connection, and the client's end."""
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        theirs.settimeout(60)
        connection = Connection(ours)
        response: Any = wsgi.Response(Request(), connection, CONFIG)
        response.start_response("200 OK", [])
        assert connection.writer is None
        response.write(b"first")
        yield response, connection, theirs


def received_from(ours: Any, theirs: Any) -> bytes:
    ours.shutdown(socket.SHUT_WR)
    _head, _, body = b"".join(all_of(theirs)).partition(b"\r\n\r\n")
    return body


def test_body_may_write_past_the_response(streaming: tuple[Any, Connection, Any]) -> None:
    response, connection, theirs = streaming
    writer = connection.writer
    assert writer is not None
    assert writer.write(writer.frame(b"second"), 6)
    response.write(b"third")
    response.close()
    assert received_from(connection, theirs) == (
        b"5\r\nfirst\r\n6\r\nsecond\r\n5\r\nthird\r\n0\r\n\r\n"
    )
    # The next response of the connection begins anew.
    assert connection.writer is None


def test_what_a_body_writes_past_the_response_is_counted(
    streaming: tuple[Any, Connection, Any],
) -> None:
    response, connection, _theirs = streaming
    writer = connection.writer
    assert writer is not None
    writer.write(writer.frame(b"second"), 6)
    response.write(b"third")
    writer.write(writer.frame(b"4th"), 3)
    response.close()
    # For gunicorn's own access log.
    assert response.sent == 5 + 6 + 5 + 3


@pytest.mark.parametrize("chunk", [b"", b"third", None], ids=["empty", "chunk", "end"])
def test_rest_of_a_chunk_is_sent_first(
    streaming: tuple[Any, Connection, Any], chunk: bytes | None
) -> None:
    response, connection, theirs = streaming
    writer = connection.writer
    assert writer is not None
    writer.rest = memoryview(b"6\r\nsecond\r\n")[5:]
    writer._descriptor = -1
    if chunk is not None:
        response.write(chunk)
    response.close()
    end = b"5\r\nthird\r\n" if chunk else b""
    assert received_from(connection, theirs) == (b"5\r\nfirst\r\ncond\r\n" + end + b"0\r\n\r\n")


def test_body_of_known_length_has_no_writer() -> None:
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        connection = Connection(ours)
        response: Any = wsgi.Response(Request(), connection, CONFIG)
        response.start_response("200 OK", [("Content-Length", "10")])
        response.write(b"first")
        assert connection.writer is None


def test_socket_that_encrypts_has_no_writer() -> None:
    class Encrypting(gevent.socket.socket):  # type: ignore[misc] # gevent has no types
        pass

    with Encrypting() as sock:
        assert Connection(sock).open_writer() is None


def all_of(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(1_000):
        yield piece
