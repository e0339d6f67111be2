import socket

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidHeader, InvalidHTTPVersion, InvalidRequestLine

from ngw2f.server.connection import Connection
from ngw2f.server.gunicorn_request import OwnRequest, is_host
from ngw2f.server.request_body import PacedUnreader

CONFIG = Config()


def parsed(head: bytes) -> OwnRequest:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(head + b"\r\n")
        theirs.shutdown(socket.SHUT_WR)
        return OwnRequest(CONFIG, PacedUnreader(Connection(ours)), ("127.0.0.1", 1))


def host_of(request: OwnRequest) -> list[str]:
    return [value for name, value in request.headers if name == "HOST"]


@pytest.mark.parametrize(
    "host",
    ["chat", "chat.example:8000", "chat.example:", "127.0.0.1", "[::1]", "[::1]:8000", "a_b.c",
     "xn--bcher-kva.example", "b%C3%BCcher.example"],
)  # fmt: skip
def test_valid_host(host: str) -> None:
    assert is_host(host)
    assert host_of(parsed(b"GET / HTTP/1.1\r\nHost: %b\r\n" % host.encode())) == [host]


@pytest.mark.parametrize(
    "host",
    ["", "a b", "a@b", "user:pw@b", "a/b", "a?b", "a#b", "a\\b", "a:b", "a:1:2", "a:65536", ":80",
     "a:-1", "[::1", "::1", "[1]", "[::::]", "a\tb", "<a>", 'a"', "a%2", "é", "a" * 300,
     "a:" + "1" * 5000],
)  # fmt: skip
def test_invalid_host(host: str) -> None:
    assert not is_host(host)
    for version in (b"1.0", b"1.1"):
        head = b"GET / HTTP/%b\r\nHost: %b\r\n" % (version, host.encode())
        with pytest.raises(InvalidHeader):
            parsed(head)


@pytest.mark.parametrize(
    "fields",
    [b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nhost: b\r\n"],
    ids=["none", "two", "case"],
)
def test_one_host(fields: bytes) -> None:
    with pytest.raises(InvalidHeader):
        parsed(b"GET / HTTP/1.1\r\n" + fields)


def test_http_1_0_needs_none() -> None:
    """Checks of balancers come so."""
    assert host_of(parsed(b"GET / HTTP/1.0\r\n")) == []


def test_targets_authority_takes_its_place() -> None:
    request = parsed(b"GET http://b:81?q HTTP/1.1\r\nHost: a\r\n")
    assert (host_of(request), request.path, request.query) == (["b:81"], "/", "q")


@pytest.mark.parametrize(
    "target",
    [
        b"http:///x",
        b"http://a@b/",
        b"ftp://b/",
        b"http://b:x/",
        b"x?a=://b",
        b"://b/",
        b"http://?x",
    ],
)
def test_absolute_target_that_cannot_be(target: bytes) -> None:
    with pytest.raises(InvalidRequestLine):
        parsed(b"GET %b HTTP/1.1\r\nHost: a\r\n" % target)


@pytest.mark.parametrize("target", [b"/a#b", b"/a?b#", b"http://a/#b", b"*#", b"#"])
def test_target_has_no_fragment(target: bytes) -> None:
    with pytest.raises(InvalidRequestLine):
        parsed(b"GET %b HTTP/1.1\r\nHost: a\r\n" % target)


def test_absolute_target_needs_a_host_too() -> None:
    with pytest.raises(InvalidHeader):
        parsed(b"GET http://b/ HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("said", "version"), [(b"1.9", (1, 1)), (b"1.1", (1, 1)), (b"1.0", (1, 0))]
)
def test_version(said: bytes, version: tuple[int, int]) -> None:
    assert parsed(b"GET / HTTP/%b\r\nHost: a\r\n" % said).version == version


@pytest.mark.parametrize("said", [b"2.0", b"0.9", b"3.0", b"9.9"])
def test_other_versions_are_refused(said: bytes) -> None:
    with pytest.raises(InvalidHTTPVersion):
        parsed(b"GET / HTTP/%b\r\nHost: a\r\n" % said)


def test_other_parser_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used as soon as it is installed, and asks for no Host."""
    monkeypatch.setattr("gunicorn.http.message._check_fast_parser", lambda cfg: True)
    with pytest.raises(InvalidHeader):
        parsed(b"GET / HTTP/1.1\r\n")
