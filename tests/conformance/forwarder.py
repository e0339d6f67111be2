"""A tiny forwarding WSGI application: what stands between the cache and the suite's origin.

It speaks HTTP/1.1 over a connection a request, so nothing that an origin leaves on
a connection can reach another request, and nothing is ever sent twice. Interim
responses are read here and 103 is passed on by `wsgi.early_hints`; http.client would take
them for the response. An origin that closes without a response is a ConnectionError,
which the cache takes as "disconnected".
"""

import socket
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO
from wsgiref.types import StartResponse

Headers = list[tuple[str, str]]

TIMEOUT_SECONDS = 60
_CHUNK_BYTES = 64 * 1024
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "proxy-authenticate", "proxy-authorization", "proxy-authentication-info"}
)


class Forwarder:
    """Forwards every request to one origin."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        connection = socket.create_connection(self._address, TIMEOUT_SECONDS)
        with connection, connection.makefile("rb") as stream:
            connection.sendall(self._request(environ))
            status, headers = read_head(stream)
            while status.startswith("1"):
                if status.startswith("103") and "wsgi.early_hints" in environ:
                    environ["wsgi.early_hints"](headers)
                status, headers = read_head(stream)
            body = b"".join(read_body(stream, environ["REQUEST_METHOD"], status, headers))
        named = {
            name.strip().lower()
            for field, value in headers
            if field.lower() == "connection"
            for name in value.split(",")
        }
        start_response(status, [h for h in headers if h[0].lower() not in _HOP_BY_HOP | named])
        return [body]

    def _request(self, environ: dict[str, Any]) -> bytes:
        lines = [f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} HTTP/1.1"]
        lines.append(f"Host: {self._address[0]}:{self._address[1]}")
        lines.append("Connection: close")
        for key, value in environ.items():
            name = key.removeprefix("HTTP_").replace("_", "-")
            unwanted = _HOP_BY_HOP | {"host", "expect"}
            if key.startswith("HTTP_") and name.lower() not in unwanted:
                lines.append(f"{name}: {value}")
        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if "HTTP_TRANSFER_ENCODING" in environ:
            body = b"".join(iter(lambda: environ["wsgi.input"].read(_CHUNK_BYTES), b""))
        if environ.get("CONTENT_TYPE"):
            lines.append(f"Content-Type: {environ['CONTENT_TYPE']}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_head(stream: BinaryIO) -> tuple[str, Headers]:
    """Read a status line and the header fields; ConnectionError if there are none."""
    line = stream.readline().decode("latin-1").rstrip("\r\n")
    if not line.startswith("HTTP/"):
        raise ConnectionError("the origin closed the connection")
    status = line.partition(" ")[2]
    headers: Headers = []
    while (line := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return status, headers


def read_body(stream: BinaryIO, method: str, status: str, headers: Headers) -> Iterator[bytes]:
    """Read the content as RFC 9112 section 6.3 delimits it."""
    if method == "HEAD" or status[:3] in {"204", "304"}:
        return
    fields = {name.lower(): value for name, value in headers}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while size := int(stream.readline().split(b";")[0], 16):
            yield _exactly(stream, size)
            stream.readline()
    elif "transfer-encoding" not in fields and "content-length" in fields:
        yield _exactly(stream, int(fields["content-length"]))
    else:
        yield stream.read()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise ConnectionError("the origin broke off its response")
    return content
