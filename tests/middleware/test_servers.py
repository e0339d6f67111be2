"""The middleware under other servers than gunicorn, over a socket."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from examples.transcript.machine import free_port
from tests.matrix.launch import SECONDS, LackingServerError, serving
from tests.needs import lacking
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
APPLICATION = "tests.middleware.served:application"
# Others are tried by `python -m tests.matrix.servers`, which names them here.
TRIED = os.environ.get("SERVERS", "wsgiref,waitress,cheroot,granian,uwsgi").split(",")
# What a server alone does wrong, whatever is inside it.
HANGS = "after an exception it neither ends the response nor the connection"
CANNOT = {
    "gunicorn tornado": {
        "test_answer_without_content": "it gives a 204 a Content-Type",
        "test_error_after_a_byte_is_no_page": HANGS,
        "test_error_after_an_empty_chunk_is_no_page": HANGS,
        "test_body_is_closed": HANGS,
        "test_stream_is_not_held_back": "it sends a response when all of it is there",
    }
}


class Served:
    """A server that serves `served.application`."""

    def __init__(self, name: str, port: int, signals: Path) -> None:
        self.name = name
        self.port = port
        self.signals = signals

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **fields: str
    ) -> tuple[HTTPResponse, bytes]:
        connection = self.connect()
        try:
            headers = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def raw(self, request: str) -> bytes:
        """Return all that comes until the server ends the connection."""
        with socket.create_connection(("127.0.0.1", self.port), SECONDS) as connection:
            connection.sendall(request.encode())
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def closed(self, path: str, times: int) -> bool:
        """Return whether a path's body is closed so often; a server may do it after the answer."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            noted = self.signals / "closed"
            if noted.exists() and noted.read_text().splitlines().count(path) >= times:
                return noted.read_text().splitlines().count(path) == times
            time.sleep(0.01)
        return False


@pytest.fixture(scope="module", params=TRIED)
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    name, port = request.param, free_port()
    # Not below pytest's folder, which a server that changes its user cannot read.
    with tempfile.TemporaryDirectory(prefix="ngw2f-", ignore_cleanup_errors=True) as directory:
        signals = Path(directory)
        signals.chmod(0o777)
        try:
            with serving(name, APPLICATION, port, signals):
                yield Served(name, port, signals)
        except LackingServerError as lack:
            lacking(lack.what, lack.install)


@pytest.fixture(autouse=True)
def _what_it_cannot(request: pytest.FixtureRequest, server: Served) -> None:
    reason = CANNOT.get(server.name, {}).get(request.node.originalname)
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, run=False))


def test_chain_answers(server: Served) -> None:
    answer, content = server.ask("/")
    assert (answer.status, content) == (200, b"hello")
    # Servers write the names as they like.
    names = {name.lower() for name in answer.headers}
    assert {"x-request-id", "x-set", "server-timing", "cache-status"} <= names
    assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1


@pytest.mark.parametrize(
    "path", ["/", "/length", "/kept", "/static/served.py", "/healthz", "/fails"]
)
def test_head_has_no_content(server: Served, path: str) -> None:
    got, _ = server.ask(path)
    head = server.raw(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    line, _, content = head.partition(b"\r\n\r\n")
    assert line.split()[1] == str(got.status).encode()
    # Waitress ends a body of chunks that there must not be.
    assert content in ({b"", b"0\r\n\r\n"} if server.name == "waitress" else {b""})


@pytest.mark.parametrize(("path", "status"), [("/204", 204), ("/304", 304)])
def test_answer_without_content(server: Served, path: str, status: int) -> None:
    answer, content = server.ask(path)
    assert (answer.status, content) == (status, b"")
    assert answer.headers["Content-Type"] is None
    assert answer.headers["Content-Length"] in {None, "0"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/length", b"one,two"),
        ("/chunks", b"one,two"),
        ("/nothing", b""),
        ("/html", b"<body>page!</body>"),
    ],
)
def test_content_is_whole(server: Served, path: str, content: bytes) -> None:
    assert server.ask(path)[1] == content


def test_what_is_written_comes_first(server: Served) -> None:
    # Granian has no write(): an error of the application, as without the middleware.
    assert server.ask("/written")[1] == (b"the page" if server.name == "granian" else b"one,two")


def test_answer_that_is_replaced_in_time(server: Served) -> None:
    answer, content = server.ask("/replaced")
    assert (answer.status, content) == (503, b"later")


def test_request_body_arrives(server: Served) -> None:
    body = b"x" * 100_000
    assert server.ask("/echo", "POST", body)[1] == body


def test_repeated_headers_stay_repeated(server: Served) -> None:
    answer, _ = server.ask("/cookies")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_latin_header_arrives(server: Served) -> None:
    # Granian sends it as UTF-8.
    assert server.ask("/latin")[0].headers["X-Latin"] in {"\xe9", "\xc3\xa9"}


@pytest.mark.parametrize("path", ["/fails", "/started-fails", "/breaks-first"])
def test_error_in_time_is_a_page(server: Served, path: str) -> None:
    answer, content = server.ask(path)
    assert (answer.status, content) == (500, b"the page")
    assert answer.headers["Content-Length"] == "8"
    assert "X-Request-ID" in answer.headers


@pytest.mark.parametrize("path", ["/breaks-later", "/written-fails"])
def test_error_after_a_byte_is_no_page(server: Served, path: str) -> None:
    # Granian has no write(), so nothing has been written there.
    has_begun = (server.name, path) != ("granian", "/written-fails")
    with contextlib.suppress(ConnectionError):
        sent = server.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (b"the page" in sent) != has_begun
        if server.name != "granian":
            # Granian drops what the error overtakes.
            assert not sent or b"one," in sent or sent.split()[1] >= b"500"


def test_error_after_an_empty_chunk_is_no_page(server: Served) -> None:
    # With that chunk some servers send the headers, or have read the status before. Granian may
    # end the connection before it has sent them.
    with contextlib.suppress(ConnectionError):
        sent = server.raw(
            "GET /breaks-empty HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert b"the page" not in sent
        assert sent or server.name == "granian"
        assert not sent or sent.endswith(b"\r\n\r\n") or sent.split()[1] == b"500"


def test_stream_is_not_held_back(server: Served) -> None:
    connection = server.connect()
    connection.request("GET", "/streamed/go")
    answer = connection.getresponse()
    assert answer.read(6) == b"first,"
    (server.signals / "go").touch()
    assert answer.read() == b"second"
    connection.close()


def test_body_is_closed(server: Served) -> None:
    for path in ("/chunks", "/breaks-later", "/breaks-first"):
        noted = server.signals / "closed"
        before = noted.read_text().splitlines().count(path) if noted.exists() else 0
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            server.ask(path)
        assert server.closed(path, before + 1), path


def test_cache_and_conditions(server: Served) -> None:
    server.ask("/kept")
    answer, content = server.ask("/kept")
    assert content == b"hello"
    assert "hit" in answer.headers["Cache-Status"]
    assert server.ask("/kept", If_None_Match='"k"')[0].status == 304
    answer, content = server.ask("/kept", Range="bytes=-1")
    assert (answer.status, content) == (206, b"o")


def test_stale_response_is_refreshed_after_the_answer(server: Served) -> None:
    server.ask("/stale")
    # The application does not go on before this answer has come; nobody asks after it.
    assert "hit" in server.ask("/stale")[0].headers["Cache-Status"]
    (server.signals / "refresh").touch()
    wait_until((server.signals / "refreshed").exists, SECONDS)


def test_static_file_and_its_parts(server: Served) -> None:
    whole = (ROOT / "tests/middleware/served.py").read_bytes()
    answer, content = server.ask("/static/served.py")
    assert content == whole
    assert server.ask("/static/served.py", Range="bytes=0-0")[1] == whole[:1]
    again = server.ask("/static/served.py", If_None_Match=answer.headers["ETag"])
    assert (again[0].status, again[1]) == (304, b"")
    assert server.ask("/static/served.py", "OPTIONS")[0].status == 204


def test_limit_guard_and_redirect(server: Served) -> None:
    assert [server.ask("/limited")[0].status for _ in range(3)] == [200, 200, 429]
    assert server.ask("/", "POST", b"", **{"Sec-Fetch-Site": "cross-site"})[0].status == 403
    assert server.ask("/old")[0].headers["Location"] == "/new"
