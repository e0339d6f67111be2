import io
import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from gunicorn.config import Config
from hypothesis import HealthCheck, given
from hypothesis import settings as configure
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from werkzeug.datastructures.headers import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from ngw2f.server.connection import Connection
from ngw2f.server.gunicorn_request import OwnRequest
from ngw2f.server.request_body import PacedUnreader
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store import database as database_module
from tests.client import BROWSER, Client

CHUNKED: dict[str, Any] = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


class Untouchable(io.RawIOBase):
    """A body that must not be read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


class Endless(io.RawIOBase):
    """A body without an end, which counts what was read of it."""

    def __init__(self) -> None:
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"x" * len(buffer)
        self.count += len(buffer)
        return len(buffer)


def call(
    app: Service,
    body: object,
    headers: dict[str, str],
    path: str = "/api/messages",
    **environ: Any,
) -> tuple[int, Headers]:
    builder = EnvironBuilder(path, method="POST", headers=headers.items())
    base = builder.get_environ() | {"wsgi.input": body} | environ
    _, status, answer_headers = run_wsgi_app(app, base)
    return int(status.split()[0]), answer_headers


@pytest.mark.parametrize("path", ["/api/messages", "/rooms/lobby", "/api/users", "/login"])
def test_too_long_is_refused_unread(service: Service, client: Client, path: str) -> None:
    headers = {**client.join("ann"), "Content-Type": "application/x-www-form-urlencoded"}
    length = str(service.services.core.settings.max_body_bytes + 1)
    status, _ = call(service, Untouchable(), headers, path, CONTENT_LENGTH=length)
    assert status == 413
    assert client.sources() == []
    assert len(client.get("/api/users").json["users"]) == 1


@pytest.mark.parametrize("path", ["/api/messages", "/rooms/lobby"])
def test_too_long_in_chunks_is_not_read_on(service: Service, client: Client, path: str) -> None:
    body, limit = Endless(), service.services.core.settings.max_body_bytes
    headers = {**client.join("ann"), "Content-Type": "application/x-www-form-urlencoded"}
    status, _ = call(service, body, headers, path, **CHUNKED)
    assert status == 413
    assert body.count <= limit + 64 * 1024
    assert client.sources() == []


@pytest.mark.parametrize("path", ["/api/tokens", "/login"])
def test_more_slashes_do_not_lead_around_the_limits(service: Service, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    status, answer_headers = call(service, Untouchable(), headers, PATH_INFO=f"/{path}")
    assert status == 404
    assert answer_headers["RateLimit"]


def test_limit_itself_is_allowed(build: Callable[..., Service]) -> None:
    client = Client(build(max_body_bytes=100))
    ann = client.join("ann")
    body = b'{"source": "a"}'.ljust(100)
    headers = {**ann, "Content-Type": "application/json"}
    assert client.post("/api/messages", body, headers=headers).status_int == 201
    assert client.post("/api/messages", body + b" ", headers=headers).status_int == 413


def test_limit_itself_is_allowed_in_chunks(build: Callable[..., Service]) -> None:
    service = build(max_body_bytes=100)
    ann = Client(service).join("ann")
    body = b'{"source": "a"}'.ljust(100)
    assert call(service, io.BytesIO(body), ann, **CHUNKED)[0] == 201
    assert call(service, io.BytesIO(body + b" "), ann, **CHUNKED)[0] == 413


def test_body_in_chunks(service: Service, client: Client) -> None:
    body = io.BytesIO(b'{"source": "in chunks"}')
    status, _ = call(service, body, client.join("ann"), **CHUNKED)
    assert status == 201
    assert client.sources() == ["in chunks"]


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"1\r\naxx",
        b'f\r\n{"source": "a"}',
        b"0;\0\r\n",
        b"0\r\nno trailer\r\n\r\n",
    ],
)
@pytest.mark.parametrize("path", ["/api/messages", "/rooms/lobby", "/login"])
def test_chunks_that_are_none(service: Service, client: Client, path: str, chunks: bytes) -> None:
    headers = {**client.join("ann"), "Content-Type": "application/x-www-form-urlencoded"}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        theirs.shutdown(socket.SHUT_WR)
        read = OwnRequest(Config(), PacedUnreader(Connection(ours)), ("127.0.0.1", 1))
        assert call(service, read.body, headers, path, **CHUNKED)[0] == 400
    assert client.sources() == []


def test_body_that_ends_too_early(service: Service, client: Client) -> None:
    body = io.BytesIO(b'{"source": "a"}')
    status, _ = call(service, body, client.join("ann"), CONTENT_LENGTH="16")
    assert status == 400
    assert client.sources() == []


@pytest.mark.parametrize("accept", ["application/json", BROWSER["Accept"], "text/plain"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_locked_database_is_unavailable(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    ann = client.join("ann")
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_SECONDS", 0.01)
    with closing(sqlite3.connect(settings.data_path / "chat.sqlite3")) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        headers = {**ann, "Accept": accept}
        answer = client.post_json("/api/messages", {"source": "a"}, headers=headers)
    assert (answer.status_int, answer.headers["Retry-After"]) == (503, "2")
    assert client.sources() == []


def test_database_that_fails(
    client: Client,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise OperationalError("SELECT 1", {}, Exception("disk I/O error\nat sector 5"))

    monkeypatch.setattr(service.services.core.database, "asking", fail)
    answer = client.get("/api/messages")
    assert answer.status_int == 503
    assert "disk" not in answer.text
    assert "disk I/O error" in caplog.text


def test_bugs_are_caught_by_the_boundary(
    client: Client,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(service.services.core.database, "asking", lambda: 1 // 0)
    answer = client.get("/api/messages", status=500)
    assert answer.json["detail"] == "something went wrong on our side, and has been logged"
    assert "ZeroDivisionError" in caplog.text


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["source", "nickname", "password", "name", "private"])
bodies = documents | st.dictionaries(fields, scalars, max_size=3)
calls = st.sampled_from(
    [
        ("POST", "/api/users"),
        ("PUT", "/api/users/1"),
        ("POST", "/api/tokens"),
        ("POST", "/api/rooms"),
        ("POST", "/api/messages"),
        ("POST", "/api/rooms/1/messages"),
        ("PUT", "/api/messages/1"),
        ("PUT", "/api/rooms/1/members/1"),
    ]
)
# One chat for all examples is what is wanted: they must not break it for the next one.
many = configure(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def signed_in(client: Client) -> Client:
    """Return a client whose cookie no body can take away: its password does not change."""
    client.sign_in("ann")
    client.post_json("/api/messages", {"source": "a"}, status=201)
    return client


@many
@given(asked=calls, body=bodies)
def test_any_json_has_an_answer(signed_in: Client, asked: tuple[str, str], body: Any) -> None:
    method, path = asked
    answer = signed_in.request(
        path,
        method=method,
        # Lone surrogates come out as JSON writes them.
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_int < 500


@many
@given(asked=calls, body=st.binary(max_size=60))
def test_any_bytes_have_an_answer(signed_in: Client, asked: tuple[str, str], body: bytes) -> None:
    method, path = asked
    assert signed_in.request(path, method=method, body=body).status_int < 500


@many
@given(
    path=st.sampled_from(["/login", "/rooms", "/rooms/lobby", "/messages/1/edit", "/rooms/x"]),
    field=st.sampled_from(["nickname", "source", "name"]),
    value=st.binary(max_size=40),
)
def test_any_form_has_an_answer(signed_in: Client, path: str, field: str, value: bytes) -> None:
    headers = {**BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
    body = field.encode() + b"=" + value + b"&password=x"
    assert signed_in.request(path, method="POST", body=body, headers=headers).status_int < 500


latin_1 = st.text(st.characters(max_codepoint=255))


@many
@given(path=latin_1, query=latin_1)
def test_any_path_has_an_answer(service: Service, path: str, query: str) -> None:
    environ = EnvironBuilder("/").get_environ()
    environ |= {"PATH_INFO": f"/{path}", "QUERY_STRING": query}
    _, status, _ = run_wsgi_app(service, environ)
    assert int(status.split()[0]) < 500
