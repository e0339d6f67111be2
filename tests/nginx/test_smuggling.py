"""However a request is framed or its path is written: the instances see one, or none.

Each case is followed on its connection by what would be a second request for an
instance that reads the first one in another way than nginx does.
"""

import re

import pytest

from tests.nginx.recorder import Recorder
from tests.nginx.running import Client

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /first HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def _length(number: int) -> bytes:
    return b"Content-Length: %d\r\n" % number


BODY = b"0\r\n\r\n" + SMUGGLED
# What nginx takes for one request whose body is the rest, or refuses.
FRAMING = {
    "cl-te": POST + _length(len(BODY)) + CHUNKED + b"\r\n" + BODY,
    "te-cl": POST + CHUNKED + _length(4) + b"\r\n" + b"2c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
    "cl-cl": POST + _length(len(SMUGGLED)) + _length(0) + b"\r\n" + SMUGGLED,
    "cl-cl-same": POST + _length(0) + _length(0) + b"\r\n" + SMUGGLED,
    "cl-list": POST + b"Content-Length: 0, 44\r\n\r\n" + SMUGGLED,
    "cl-plus": POST + b"Content-Length: +44\r\n\r\n" + SMUGGLED,
    "cl-negative": POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "cl-hex": POST + b"Content-Length: 0x2c\r\n\r\n" + SMUGGLED,
    "te-te": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + BODY,
    "te-unknown": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + BODY,
    "te-list": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n" + BODY,
    "te-space-before-colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + BODY,
    "te-tab": POST + b"Transfer-Encoding:\tchunked\t, \r\n\r\n" + BODY,
    "te-vertical-tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + BODY,
    "te-underscore": POST + b"Transfer_Encoding: chunked\r\n" + _length(5) + b"\r\n" + BODY,
    "te-http10": POST.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"\r\n" + BODY,
    "obs-fold": POST + b"X-Folded: a\r\n Transfer-Encoding: chunked\r\n\r\n" + BODY,
    "obs-fold-te": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + BODY,
    "bare-lf": POST + b"X-A: b\nTransfer-Encoding: chunked\r\n" + _length(5) + b"\r\n" + BODY,
    "bare-cr": POST + b"X-A: b\rTransfer-Encoding: chunked\r\n" + _length(5) + b"\r\n" + BODY,
    "null": POST + b"X-A: b\x00Transfer-Encoding: chunked\r\n" + _length(5) + b"\r\n" + BODY,
    "host-host": POST + b"Host: evil.example\r\n\r\n" + SMUGGLED,
    "chunk-size-overflow": POST + CHUNKED + b"\r\n10000000000000000\r\n\r\n" + SMUGGLED,
    "chunk-size-negative": POST + CHUNKED + b"\r\n-1\r\n\r\n" + SMUGGLED,
    "chunk-extension-lf": POST + CHUNKED + b"\r\n2;\nxx\r\n2c\r\n0\r\n\r\n" + SMUGGLED,
    "chunk-without-crlf": POST + CHUNKED + b"\r\n3\r\nabcXX0\r\n\r\n" + SMUGGLED,
    "expect": POST + b"Expect: 100-continue\r\n" + _length(0) + b"\r\n" + SMUGGLED,
    "connection-drops-length": POST.replace(b"close", b"close, Content-Length")
    + _length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
    "h2c": POST.replace(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings")
    + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nConnection: close\r\n\r\n"
    + SMUGGLED,
    "upgrade-on-websocket": b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 777\r\nConnection: close\r\n\r\n" + SMUGGLED,
    "absolute-form": b"GET http://evil.example/first HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: close\r\n\r\n" + SMUGGLED,
    "authority-in-path": b"GET @evil.example/first HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "line-in-path": b"GET /first\x0b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "http-0.9": b"GET /first\r\n" + SMUGGLED,
    "no-host": b"GET /first HTTP/1.1\r\nConnection: close\r\n\r\n" + SMUGGLED,
    "connect": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "trace": b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMING)
def test_one_request_or_none(client: Client, recorders: list[Recorder], name: str) -> None:
    client.send(FRAMING[name])
    seen = recorders[0].requests + recorders[1].requests
    assert [request.target for request in seen if request.target == "/smuggled"] == []
    assert len(seen) <= 1
    for request in seen:
        # One framing, by nginx itself, that says how long the body is.
        assert not request.values("Transfer-Encoding")
        assert len(request.values("Host")) == 1
        assert request.values("Content-Length") in ([], [str(len(request.body))])
        assert "evil" not in str(request.headers)


def test_pipelined_requests_are_two(client: Client, recorders: list[Recorder]) -> None:
    """So the cases above can fail: what is well framed does reach an instance."""
    first = b"POST /first HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    last = SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    client.send(first + last)
    seen = recorders[0].requests + recorders[1].requests
    assert sorted(request.target for request in seen) == ["/first", "/smuggled"]


REFUSED_PATHS = [
    "/static/..%2fapi/users",
    "/static/..%2Fapi/users",
    "/api/%2e%2e/metrics",
    "/api/.%2e/metrics",
    "/api/%2E./metrics",
    "/api/../metrics",
    "/./metrics",
    "/api/..",
    "/api/.",
    "//metrics",
    "/api//users",
    "/api/%2fusers",
    "/api%5cusers",
    "/api\\users",
    "/api/..;/metrics",
    "/api/..%3b/metrics",
    "/api/users%00.svg",
    "/%2e%2e%2fmetrics",
    "/../../etc/passwd",
    "/metrics#x",
    "/api#/../metrics",
]


@pytest.mark.parametrize("path", REFUSED_PATHS)
def test_ambiguous_path_is_refused(client: Client, recorders: list[Recorder], path: str) -> None:
    answer = client.send(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert re.match(rb"HTTP/1.1 400 ", answer), answer[:80]
    assert not recorders[0].requests + recorders[1].requests


@pytest.mark.parametrize(
    "target",
    [
        "/rooms/r%C3%A9union%20a",
        "/rooms/...a",
        "/rooms/a.b..c",
        "/rooms/%252e%252e",
        "/rooms/a+b&c=d@:!$'()*,",
        "/rooms/a?next=//b/../%2f%5c",
        "/api/messages?before=3&limit=2",
    ],
)
def test_other_paths_come_as_they_are(
    client: Client, recorders: list[Recorder], target: str
) -> None:
    assert client.ask(target).status == 200
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.target == target


@pytest.mark.parametrize(
    "path", ["/metrics/", "/METRICS", "/%6detrics", "/metrics%20", "/metrics?x"]
)
def test_metrics_cannot_be_reached_by_another_name(
    client: Client, recorders: list[Recorder], path: str
) -> None:
    """nginx decodes before it looks where a path belongs, so the rule is the same for both."""
    client.ask(path)
    for request in recorders[0].requests + recorders[1].requests:
        assert request.target == path
