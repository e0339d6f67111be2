"""What HTTP/2 can say and HTTP/1.1 cannot never reaches an instance as something else."""

import contextlib
import ssl
from collections.abc import Iterator

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from tests.nginx.recorder import Headers, Recorder
from tests.nginx.running import Client

USUAL = {":method": "GET", ":scheme": "https", ":authority": "localhost", ":path": "/first"}
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def headers(**changes: str) -> Headers:
    """Return a request's fields; changes are those of the pseudo-header fields."""
    return list((USUAL | {f":{name}": text for name, text in changes.items()}).items())


def ask(client: Client, fields: Headers, body: str | None = None) -> str:
    """Send them as they are; return the status, or how else it ended."""
    client.context.set_alpn_protocols(["h2"])
    raw = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    connection = H2Connection(raw)
    with contextlib.closing(client.secure_socket()) as secure:
        connection.initiate_connection()
        connection.send_headers(1, fields, end_stream=body is None)
        if body is not None:
            connection.send_data(1, body.encode(), end_stream=True)
        secure.sendall(connection.data_to_send())
        return read_answer(connection, secure)


def read_answer(connection: H2Connection, secure: ssl.SSLSocket) -> str:
    status = "closed"
    with contextlib.suppress(ssl.SSLError, ConnectionResetError, ProtocolError):
        while chunk := secure.recv(65536):
            for event in connection.receive_data(chunk):
                if isinstance(event, ResponseReceived):
                    status = dict(event.headers)[b":status"].decode()
                if isinstance(event, (StreamReset, ConnectionTerminated)):
                    return "reset"
                if isinstance(event, StreamEnded):
                    return status
    return status


@pytest.fixture
def client(client: Client) -> Iterator[Client]:
    """Give a client whose context is its own: it is told to speak HTTP/2 alone."""
    usual = client.context
    client.context = ssl.create_default_context(cafile=client.front.certificate)
    yield client
    client.context = usual


REFUSED = {
    "length-too-short": ([*headers(method="POST"), ("content-length", "0")], SMUGGLED),
    "length-too-long": ([*headers(method="POST"), ("content-length", "100")], "abc"),
    "two-lengths": (
        [*headers(method="POST"), ("content-length", "0"), ("content-length", "43")],
        SMUGGLED,
    ),
    "line-in-value": ([*headers(), ("x-a", "b\r\nX-Forwarded-For: 6.6.6.6")], None),
    "lf-in-value": ([*headers(), ("x-a", "b\nX-Forwarded-For: 6.6.6.6")], None),
    "null-in-value": ([*headers(), ("x-a", "b\0c")], None),
    "line-in-name": ([*headers(), ("x-a: b\r\nx-evil", "c")], None),
    "colon-in-name": ([*headers(), ("x-a:evil", "c")], None),
    "space-in-name": ([*headers(), ("x evil", "c")], None),
    "request-in-method": (headers(method=SMUGGLED + "GET"), None),
    "target-in-method": (headers(method="GET /smuggled"), None),
    "request-in-path": (headers(path="/first HTTP/1.1\r\nHost: evil\r\n\r\nGET /smuggled"), None),
    "version-in-path": (headers(path="/first HTTP/1.1"), None),
    "no-slash": (headers(path="evil"), None),
    "absolute-path": (headers(path="https://evil.example/first"), None),
    "empty-path": (headers(path=""), None),
    "double-slash": (headers(path="//metrics"), None),
    "encoded-dots": (headers(path="/static/%2e%2e%2fmetrics"), None),
    "fragment": (headers(path="/metrics#x"), None),
    "url-in-scheme": (headers(scheme="https://evil.example/smuggled?"), None),
    "other-authority": (headers(authority="evil.example"), None),
    "line-in-authority": (headers(authority="localhost\r\nX-Evil: 1"), None),
    "user-in-authority": (headers(authority="evil@localhost"), None),
    "path-in-authority": (headers(authority="localhost/evil"), None),
    "other-host": ([*headers(), ("host", "evil.example")], None),
    "no-authority": (headers()[:2] + headers()[3:], None),
    "two-paths": ([*headers(), (":path", "/smuggled")], None),
    "unknown-pseudo-header": ([*headers(), (":evil", "x")], None),
    "connect": ([(":method", "CONNECT"), (":authority", "localhost:80")], None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(client: Client, recorders: list[Recorder], name: str) -> None:
    assert ask(client, *REFUSED[name]) in {"400", "405", "421", "reset"}
    assert not recorders[0].requests + recorders[1].requests


MEANINGLESS = [
    ("transfer-encoding", "chunked"),
    ("connection", "upgrade"),
    ("upgrade", "h2c"),
    ("x_forwarded_for", "6.6.6.6"),
    ("x-forwarded-for", "6.6.6.6"),
    ("forwarded", "for=6.6.6.6"),
    ("x-request-id", "evil"),
    ("x-accel-redirect", "/evil"),
]


@pytest.mark.parametrize("field", MEANINGLESS, ids=str)
def test_what_means_nothing_here_is_not_passed_on(
    client: Client, recorders: list[Recorder], field: tuple[str, str]
) -> None:
    name, value = field
    if ask(client, [*headers(), field]) != "200":
        return
    (request,) = recorders[0].requests + recorders[1].requests
    assert value not in request.values(name)
    assert request.target == "/first"


def test_usual_request_is_passed_on(client: Client, recorders: list[Recorder]) -> None:
    """So the cases above can fail."""
    assert ask(client, [*headers(), ("x-a", "b")]) == "200"
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.values("x-a") == ["b"]
