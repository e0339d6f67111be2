"""Nothing that a client says about who it is reaches the application."""

import re

import pytest

from tests.nginx.recorder import Recorder
from tests.nginx.running import Client

FORGED = {
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=http",
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Protocol": "http",
    "X-Forwarded-Scheme": "http",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Ssl": "off",
    "X-Forwarded-By": "evil.example",
    "X-Real-Ip": "6.6.6.6",
    "X-Client-Ip": "6.6.6.6",
    "True-Client-Ip": "6.6.6.6",
    "X-Original-Url": "/evil",
    "X-Rewrite-Url": "/evil",
    "X-Http-Method-Override": "DELETE",
    "X-Accel-Buffering": "no",
    "X-Accel-Charset": "evil",
    "X-Accel-Expires": "1000",
    "X-Accel-Limit-Rate": "1",
    "X-Accel-Mapping": "/=/evil",
    "X-Accel-Redirect": "/errors/en/away.html",
    "X-Sendfile-Type": "X-Accel-Redirect",
    "X-Request-ID": "evil",
    "X-Request-Start": "t=0.000; spent=0.000",
    "Proxy": "http://evil.example",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
    # The same in environ, if it came so far.
    "X_Forwarded_For": "6.6.6.6",
    "X_Request_ID": "evil",
    "SCRIPT_NAME": "/evil",
    "PATH_INFO": "/evil",
    "REMOTE_USER": "evil",
}
# They differ from request to request.
OF_EACH = ("X-Request-ID", "X-Request-Start")
PATHS = ["/", "/api/messages", "/events", "/api/events", "/ws", "/socket.io/"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", PATHS)
def test_forged_headers_change_nothing(
    client: Client, recorders: list[Recorder], path: str, method: str
) -> None:
    body = b"x" if method == "POST" else None
    seen = []
    for forged in ({}, FORGED):
        answer = client.ask(path, method, body, forged)
        assert answer.status == 200
        requests = [request for recorder in recorders for request in recorder.requests]
        seen.append([header for header in requests[-1].headers if header[0] not in OF_EACH])
        for recorder in recorders:
            recorder.requests.clear()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_said_instead(client: Client, recorders: list[Recorder], path: str) -> None:
    client.ask(path, headers=FORGED)
    (request,) = recorders[0].requests + recorders[1].requests
    host = f"localhost:{client.front.https_port}"
    assert request.values("Host") == [host]
    assert request.values("X-Forwarded-Host") == [host]
    assert request.values("X-Forwarded-Proto") == ["https"]
    assert request.values("X-Forwarded-For") == ["127.0.0.1"]


def test_time_of_passing_on_is_our_own(client: Client, recorders: list[Recorder]) -> None:
    client.ask("/", headers=FORGED)
    (request,) = recorders[0].requests + recorders[1].requests
    (field,) = request.values("X-Request-Start")
    found = re.fullmatch(r"t=(\d+\.\d{3}); spent=\d+\.\d{3}", field)
    assert found
    assert float(found[1]) > 1_000_000_000


def test_request_id_is_our_own(client: Client, recorders: list[Recorder]) -> None:
    answer = client.ask("/", headers={"X-Request-ID": "evil"})
    (request,) = recorders[0].requests + recorders[1].requests
    assert answer.headers.get_all("X-Request-ID") == request.values("X-Request-ID")
    assert len(answer.headers["X-Request-ID"]) == 32


def test_websocket_is_upgraded(client: Client, recorders: list[Recorder]) -> None:
    client.ask("/ws", headers={"Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade"})
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.values("Upgrade") == ["websocket"]
    assert request.values("Connection") == ["upgrade"]


def test_compression_of_a_websocket_is_agreed_on(client: Client, recorders: list[Recorder]) -> None:
    offer, answer = "permessage-deflate; client_max_window_bits", "permessage-deflate; x=1"
    for recorder in recorders:
        recorder.status = 101
        recorder.headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                            ("Sec-WebSocket-Extensions", answer)]  # fmt: skip
    with client.secure_socket() as secure:
        secure.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Extensions: %s\r\n\r\n" % offer.encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += secure.recv(1000)
    assert f"sec-websocket-extensions: {answer}".encode() in head.lower()
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.values("Sec-WebSocket-Extensions") == [offer]


@pytest.mark.parametrize(
    ("version", "connection", "upgrade"),
    [
        ("1.0", "Upgrade", "websocket"),
        ("1.1", "keep-alive", "websocket"),
        ("1.1", "not-upgrade", "websocket"),
        ("1.1", "upgraded", "websocket"),
        ("1.1", "Upgrade", "websocket|h2c"),
        ("1.1", "Upgrade", "xwebsocket"),
    ],
)
def test_what_is_no_handshake_is_not_upgraded(
    client: Client, recorders: list[Recorder], version: str, connection: str, upgrade: str
) -> None:
    head = f"GET /ws HTTP/{version}\r\nHost: localhost\r\nConnection: {connection}\r\n"
    with client.secure_socket() as secure:
        secure.sendall(f"{head}Upgrade: {upgrade}\r\n\r\n".encode())
        assert secure.recv(1000).startswith(b"HTTP/1.1 200 ")
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.values("Upgrade") == []


def test_page_is_not_upgraded(client: Client, recorders: list[Recorder]) -> None:
    client.ask("/", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.values("Upgrade") == []
