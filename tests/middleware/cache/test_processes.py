"""The cache under gunicorn: its worker classes, several processes, bytes on the wire."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.transcript.machine import free_port

ROOT = Path(__file__).parents[3]
START_SECONDS = 60

# A list in a file, which a POST makes longer; each answer says which process gave it.
APPLICATION = """
import os
from middleware.cache import HTTPCacheMiddleware, MemoryStore, SharedGroupClock
place = os.environ["PLACE"]

def app(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        with open(place + "/list", "a") as file:
            file.write("x")
        start_response("204 No Content", [("Cache-Group-Invalidation", '"list"')])
        return []
    with open(place + "/calls", "a") as file:
        file.write(".")
    with open(place + "/list") as file:
        body = file.read().encode()
    start_response("200 OK", [
        ("Content-Type", "text/plain"), ("Cache-Control", "max-age=60"), ("Cache-Groups", '"list"'),
        ("X-Path", environ["PATH_INFO"]), ("X-Process", str(os.getpid())),
    ])
    return (body[i:i + 1] for i in range(len(body)))

clock = SharedGroupClock(place + "/clock")
application = HTTPCacheMiddleware(app, store=MemoryStore(clock=clock))
"""


@contextmanager
def gunicorn(place: Path, worker_class: str, workers: int) -> Iterator[int]:
    (place / "cached.py").write_text(APPLICATION)
    (place / "list").write_text("x")
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", "--pythonpath", f"{place},{ROOT}"]
    command += ["--worker-class", worker_class, "--workers", str(workers), "--threads", "4"]
    command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning", "cached:application"]
    process = subprocess.Popen(command, cwd=place, env={"PLACE": str(place)})
    try:
        wait_for(port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(port: int, method: str = "GET", path: str = "/list") -> http.client.HTTPResponse:
    """Make one request on a connection of its own, so that any process may take it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Connection": "close"})
    response = connection.getresponse()
    response.content = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def content(response: http.client.HTTPResponse) -> bytes:
    return response.content  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("worker_class", ["sync", "gthread", "gevent"])
def test_cache_works_in_each_worker_class(worker_class: str, tmp_path: Path) -> None:
    with gunicorn(tmp_path, worker_class, 1) as port:
        first, second, head = ask(port), ask(port), ask(port, "HEAD")
        assert [content(response) for response in (first, second, head)] == [b"x", b"x", b""]
        assert "stored" in str(first.getheader("Cache-Status"))
        assert "hit" in str(second.getheader("Cache-Status"))
        assert second.getheader("Content-Length") == head.getheader("Content-Length") == "1"
    assert (tmp_path / "calls").read_text() == "."


def test_writers_own_next_read_shows_what_it_wrote(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "gevent", 2) as port:
        processes = set()
        for length in range(2, 1_000):
            assert ask(port, "POST", "/elsewhere").status == 204
            for _ in range(3):
                response = ask(port)
                assert content(response) == b"x" * length
                processes.add(response.getheader("X-Process"))
            # On a busy machine one process may answer many before the other wakes up.
            if length >= 60 and len(processes) == 2:
                break
        assert len(processes) == 2, "one process answered everything"


@pytest.mark.parametrize(
    ("request_line", "host", "cached"),
    [
        ("GET http://127.0.0.1/list HTTP/1.1", "127.0.0.1", True),
        ("GET http://evil.test/list HTTP/1.1", "127.0.0.1", False),
        ("GET http://127.0.0.1/list HTTP/1.1", "evil.test", False),
        ("GET /list HTTP/1.1", "127.0.0.1/x", False),
    ],
)
def test_request_line_and_host_on_the_wire(
    request_line: str, host: str, cached: bool, tmp_path: Path
) -> None:
    with gunicorn(tmp_path, "sync", 1) as port:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            head = f"{request_line}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        assert bool(re.search("Cache-Status: wsgi; fwd=uri-miss; stored", answer)) is cached


def test_encoded_slash_on_the_wire(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "gevent", 1) as port:
        statuses = [
            str(ask(port, path=path).getheader("Cache-Status"))
            for path in ("/a%2Fb", "/a/b", "/a%2fb", "//a/b")
        ]
        assert ["hit" in status for status in statuses] == [False, False, True, False]
