"""The worker process: it stops at once with streams open, and slow clients cost it little."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.live.server import ChatServer
from tests.waiting import HANGING_SECONDS

STREAMS = 300
REQUEST = b"GET /events HTTP/1.1\r\nHost: chat\r\nAccept: text/event-stream\r\n\r\n"
# How long gunicorn lets streams hold a worker up here, and what is well below, on a machine
# that others use too.
GRACEFUL_SECONDS = 120
STOP_SECONDS = 60
# What a client that does not read may cost: the feed's bound, and one write's bytes.
MAX_GROWTH_BYTES = 6 * 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> "ChatServer":
    return ChatServer(tmp_path, GUNICORN_CMD_ARGS=f"--graceful-timeout={GRACEFUL_SECONDS}")


@contextmanager
def open_streams(server: ChatServer, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        streams = []
        for _ in range(count):
            stream = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            streams.append(stack.enter_context(stream))
            stream.sendall(REQUEST)
        for stream in streams:
            while b"retry:" not in (some := stream.recv(4096)):
                assert some
        yield streams


@contextmanager
def reading(stream: socket.socket) -> Iterator[None]:
    """Read what comes, in a thread; shut the stream down at the end."""

    def read() -> None:
        # What still comes after the shutdown resets the connection.
        with suppress(ConnectionResetError):
            while stream.recv(1 << 16):
                pass

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        stream.shutdown(socket.SHUT_RDWR)
        thread.join()


def rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_worker_with_streams_stops_at_once(server: ChatServer) -> None:
    server.start(queues="")
    try:
        (worker,) = server.web_workers()
        # A connection between two requests does not hold it up either.
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        with idle, open_streams(server, STREAMS) as streams:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: chat\r\n\r\n")
            assert b" 200 " in idle.recv(4096)
            start = time.monotonic()
            os.kill(worker, signal.SIGTERM)
            while worker in server.web_workers():
                assert time.monotonic() - start < STOP_SECONDS
                time.sleep(0.01)
            for stream in streams:
                farewell = b""
                while chunk := stream.recv(4096):
                    farewell += chunk
                assert b"retry: " in farewell
                assert farewell.endswith(b"0\r\n\r\n")
            while idle.recv(4096):
                pass
    finally:
        server.stop()


def post(server: ChatServer, token: str, count: int) -> None:
    """Post large messages, over one connection."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        for _ in range(count):
            url, message = f"{server.url}/api/messages", {"source": "x" * 9_000}
            session.post(url, json=message, timeout=HANGING_SECONDS).raise_for_status()


def test_clients_that_do_not_read_cost_no_more_than_the_bound(server: ChatServer) -> None:
    server.start(queues="")
    try:
        token = server.register("ann")
        (worker,) = server.web_workers()
        # Buffers of a fixed size are filled before we look, by events in the same form.
        with open_streams(server, 1) as (stream,), reading(stream):
            post(server, token, 400)
        with open_streams(server, 10):
            before = rss_bytes(worker)
            post(server, token, 600)
            assert rss_bytes(worker) - before < MAX_GROWTH_BYTES
    finally:
        server.stop()
