"""After a switch of protocols nothing on that connection is HTTP, whatever goes wrong."""

import os
import socket
import struct
import time
from contextlib import suppress

import pytest

from tests.live.server import ChatServer

UPGRADE = (
    b"Host: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ENGINE = b"/socket.io/?EIO=4&transport=websocket"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: chat\r\n\r\n"
# What is answered at once comes in that time. A machine that is slower lets a test pass.
MOMENT_SECONDS = 0.3
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: chat\r\n\r\n"


def connect(chat: ChatServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", chat.port), timeout=60)


def handshake(target: bytes, fields: bytes = UPGRADE, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET %b %b\r\n%b\r\n" % (target, version, fields)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Return a client's frame (RFC 6455 section 5.2)."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length)
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + size + mask + masked


def read_head(sock: socket.socket) -> bytes:
    """Return an answer's head, and nothing of what comes after it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        some = sock.recv(1)
        assert some, head
        head += some
    return head


def read_rest(sock: socket.socket) -> bytes:
    """Return all that comes until the connection ends."""
    rest = b""
    while some := receive(sock):
        rest += some
    return rest


def read_for(sock: socket.socket, seconds: float) -> bytes:
    """Return what comes in so long, which is less if the connection ends."""
    read = b""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            some = receive(sock)
        except TimeoutError:
            break
        if not some:
            break
        read += some
    sock.settimeout(60)
    return read


def receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


def send(sock: socket.socket, sent: bytes) -> None:
    # If it has ended already: that is what is asked for.
    with suppress(ConnectionResetError, BrokenPipeError):
        sock.sendall(sent)


BAD_FRAMES = {
    "no packet": frame(b"x"),
    "unknown type": frame(b"9"),
    "empty": frame(b""),
    "bad JSON": frame(b"42{"),
    "no UTF-8": frame(b"\xff\xfe"),
    "binary": frame(b"\xff\xfe", 2),
    "unmasked": b"\x81\x01x",
    "reserved": b"\xff\x80\x00\x00\x00\x00",
    "close": frame(b"\x03\xe8", 8),
    "not a frame": b"GET ",
}


@pytest.mark.parametrize("sent", BAD_FRAMES.values(), ids=BAD_FRAMES)
@pytest.mark.parametrize("target", [ENGINE, b"/ws"], ids=["Engine.IO", "WebSocket"])
def test_what_is_raised_ends_the_connection(chat: ChatServer, target: bytes, sent: bytes) -> None:
    with connect(chat) as sock:
        sock.sendall(handshake(target))
        assert read_head(sock).startswith(b"HTTP/1.1 101 ")
        send(sock, sent)
        answer = read_for(sock, MOMENT_SECONDS)
        send(sock, METRICS)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        assert b"HTTP/" not in answer + read_rest(sock)


def test_refused_probe_of_an_upgrade_ends_the_connection(chat: ChatServer) -> None:
    """Engine.IO gives a WebSocket up, and does not close it."""
    opened = chat.call("GET", "/socket.io/?EIO=4&transport=polling").text
    sid = opened.partition('"sid":"')[2].partition('"')[0]
    with connect(chat) as sock:
        sock.sendall(handshake(ENGINE + b"&sid=" + sid.encode()))
        assert read_head(sock).startswith(b"HTTP/1.1 101 ")
        sock.sendall(frame(b"3probe"))
        answer = read_for(sock, MOMENT_SECONDS)
        send(sock, METRICS)
        assert b"HTTP/" not in answer + read_rest(sock)


@pytest.mark.parametrize("target", [ENGINE, b"/ws"], ids=["Engine.IO", "WebSocket"])
def test_what_comes_with_the_handshake_is_no_request(chat: ChatServer, target: bytes) -> None:
    with connect(chat) as sock:
        sock.sendall(handshake(target) + METRICS)
        assert read_head(sock).startswith(b"HTTP/1.1 101 ")
        sock.shutdown(socket.SHUT_WR)
        assert b"HTTP/" not in read_rest(sock)


def test_frame_that_comes_with_the_handshake_is_heard(chat: ChatServer) -> None:
    with connect(chat) as sock:
        sock.sendall(handshake(b"/ws") + frame(b'{"type": "ping"}'))
        assert read_head(sock).startswith(b"HTTP/1.1 101 ")
        deadline = time.monotonic() + 60
        heard = b""
        while b'"pong"' not in heard:
            # Heartbeats come, too.
            assert time.monotonic() < deadline
            heard += sock.recv(4096)


REFUSED = {
    "no key": (handshake(b"/ws", UPGRADE.replace(b"dGhl", b"")), b"400"),
    "unknown session": (handshake(ENGINE + b"&sid=unknown"), b"400"),
    "other version": (handshake(b"/ws", UPGRADE.replace(b": 13", b": 8")), b"426"),
    "a body": (handshake(b"/ws", UPGRADE + b"Content-Length: 2\r\n") + b"hi", b"400"),
    "POST": (b"POST" + handshake(ENGINE)[3:], b"400"),
    "HEAD": (b"HEAD" + handshake(b"/ws")[3:], b"426"),
    "bad token": (handshake(b"/ws", UPGRADE + b"Authorization: Bearer x\r\n"), b"401"),
    "another transport first": (
        handshake(b"/socket.io/?EIO=4&transport=&transport=websocket"), b"400"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
def test_refused_handshake_is_followed_by_http(
    chat: ChatServer, sent: bytes, status: bytes
) -> None:
    with connect(chat) as sock:
        sock.sendall(sent + HEALTH)
        sock.shutdown(socket.SHUT_WR)
        answers = read_rest(sock)
        assert answers.startswith(b"HTTP/1.1 " + status)
        assert answers.endswith(b"ok\n")


def test_polling_is_not_upgraded(chat: ChatServer) -> None:
    """Engine.IO goes by the fields alone."""
    with connect(chat) as sock:
        sock.sendall(handshake(b"/socket.io/?EIO=4&transport=polling") + HEALTH)
        sock.shutdown(socket.SHUT_WR)
        assert read_rest(sock).count(b"HTTP/1.1 200") == 2


def test_upgrade_means_nothing_over_http_1_0(chat: ChatServer) -> None:
    with connect(chat) as sock:
        sock.sendall(handshake(b"/ws", version=b"HTTP/1.0"))
        assert read_rest(sock).startswith(b"HTTP/1.0 426")
