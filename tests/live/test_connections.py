"""Whatever comes over a connection: others are served, and the client can read its answer."""

import os
import signal
import socket
import threading

import pytest

from tests.live.attacks import asked, connect, read_rest, send, statuses
from tests.live.server import ChatServer
from tests.waiting import wait_until

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: chat\r\n\r\n"
POST = b"POST /api/messages HTTP/1.1\r\nHost: chat\r\n"
REGISTER = b"POST /api/users HTTP/1.1\r\nHost: chat\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = b"Content-Length: %d\r\n\r\n"

UNREAD = {
    "30 MB": SIZED % 30_000_000 + b"x" * 30_000_000,
    "100 GB that do not come": SIZED % (100 * 1000**3),
    "chunks of a byte": CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n",
    "one chunk": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    "a size without an end": CHUNKED + b"1" * 100_000,
    "an extension without an end": CHUNKED + b"1;" + b"a" * 100_000,
    "trailers without an end": CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000,
    "expected, not sent": b"Expect: 100-continue\r\n" + SIZED % 5,
}


@pytest.mark.parametrize("sent", UNREAD.values(), ids=UNREAD)
def test_body_that_nobody_reads_closes_the_connection(chat: ChatServer, sent: bytes) -> None:
    with connect(chat) as sock:
        # Written and read at once, as clients do.
        writer = threading.Thread(target=send, args=[sock, POST + sent + HEALTH])
        writer.start()
        answers = read_rest(sock)
        writer.join()
    assert answers.startswith(b"HTTP/1.1 401 ")
    assert statuses(answers) == [401]
    assert b"\r\nConnection: close\r\n" in answers


def test_small_body_that_nobody_reads_keeps_it(chat: ChatServer) -> None:
    with asked(chat, POST + SIZED % 5 + b"hello" + HEALTH) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert statuses(read_rest(sock)) == [401, 200]


READ = {
    "chunks of a byte": (CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n", 413),
    "extensions": (CHUNKED + (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 200, 413),
    "an extension without an end": (CHUNKED + b"1;" + b"a" * 100_000, 400),
    "trailers without an end": (CHUNKED + b"1\r\nx\r\n0\r\n" + b"A: b\r\n" * 20_000, 400),
    "more than there may be": (CHUNKED + b"ffff\r\n%b\r\n" % (b"x" * 65535) * 10, 413),
}


@pytest.mark.parametrize(("sent", "status"), READ.values(), ids=READ)
def test_body_that_is_read_is_bounded(chat: ChatServer, sent: bytes, status: int) -> None:
    with connect(chat) as sock:
        writer = threading.Thread(target=send, args=[sock, REGISTER + sent])
        writer.start()
        answers = read_rest(sock)
        writer.join()
    assert statuses(answers) == [status]


@pytest.mark.slow
def test_silent_body_is_answered_408(chat: ChatServer) -> None:
    with asked(chat, REGISTER + SIZED % 5 + b"h") as sock:
        assert statuses(read_rest(sock)) == [408]


@pytest.mark.slow
def test_head_that_does_not_end_is_answered_408(chat: ChatServer) -> None:
    with asked(chat, REGISTER) as sock:
        assert statuses(read_rest(sock)) == [408]


def test_expected_body_is_asked_for(chat: ChatServer) -> None:
    with asked(chat, REGISTER + b"Expect: 100-continue\r\n" + SIZED % 2) as sock:
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"{}" + HEALTH)
        sock.shutdown(socket.SHUT_WR)
        assert statuses(read_rest(sock)) == [400, 200]


def test_pipelined_requests_leave_others_their_turn(chat: ChatServer) -> None:
    count = 1000
    (worker,) = chat.web_workers()
    with connect(chat) as first, connect(chat) as many, connect(chat) as last:
        for sock in (first, many, last):  # All are being served.
            sock.sendall(HEALTH)
            assert b" 200 " in sock.recv(4096)
        mark = len(chat.log.read_text())
        # Whatever the machine is at: all are there when the worker looks, in either order.
        os.kill(worker, signal.SIGSTOP)
        send(first, HEALTH.replace(b"/healthz", b"/other"))
        send(many, HEALTH * count)
        send(last, HEALTH.replace(b"/healthz", b"/other"))
        os.kill(worker, signal.SIGCONT)
        many.shutdown(socket.SHUT_WR)
        assert statuses(read_rest(many)) == [200] * count

    def logged() -> list[str]:
        lines = [line for line in chat.log.read_text()[mark:].splitlines() if '"GET /' in line]
        # That of a request before the mark may come after it.
        others = sum("/other" in line for line in lines)
        return lines if others == 2 and len(lines) >= count + 2 else []

    places = [n for n, line in enumerate(wait_until(logged)) if "/other" in line]
    assert max(places) < count / 2


REFUSED = {
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: chat\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost: chat\r\nsecret\r\n\r\n", 400),
    "a name with a blank": (b"GET / HTTP/1.1\r\nHost: chat\r\nToken secret: a\r\n\r\n", 400),
    "a value over lines": (b"GET / HTTP/1.1\r\nHost: chat\r\nA: b\r\n secret\r\n\r\n", 400),
    "a control character": (b"GET / HTTP/1.1\r\nHost: chat\r\nA: secret\x00\r\n\r\n", 400),
    "a query with a blank": (b"GET /?token=secret x HTTP/1.1\r\nHost: chat\r\n\r\n", 400),
    "another method": (b"secret / HTTP/1.1\r\nHost: chat\r\n\r\n", 400),
    "an expectation": (b"GET / HTTP/1.1\r\nHost: chat\r\nExpect: secret\r\n\r\n", 417),
    "a coding": (b"GET / HTTP/1.1\r\nHost: chat\r\nTransfer-Encoding: secret\r\n\r\n", 501),
    "a length": (b"GET / HTTP/1.1\r\nHost: chat\r\nContent-Length: secret\r\n\r\n", 400),
    "many fields": (b"GET / HTTP/1.1\r\nHost: chat\r\n" + b"A: secret\r\n" * 200 + b"\r\n", 431),
    "a long field": (b"GET / HTTP/1.1\r\nHost: chat\r\nA: secret" + b"b" * 9000 + b"\r\n\r\n", 431),
    "a long line": (b"GET /secret" + b"b" * 9000 + b" HTTP/1.1\r\nHost: chat\r\n\r\n", 414),
    "a bad chunk": (REGISTER + CHUNKED + b"secret\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
def test_refusal_logs_no_value(chat: ChatServer, sent: bytes, status: int) -> None:
    with asked(chat, sent + HEALTH) as sock:
        answers = read_rest(sock)
    assert statuses(answers) == [status]
    assert b"application/problem+json" in answers
    assert b"secret" not in answers
    assert "secret" not in chat.log.read_text()
    assert "Traceback" not in chat.log.read_text()


def test_http_1_9_is_answered_as_1_1(chat: ChatServer) -> None:
    with asked(chat, HEALTH.replace(b"1.1", b"1.9") * 2) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert statuses(read_rest(sock)) == [200, 200]


def test_health_check_without_a_host(chat: ChatServer) -> None:
    with asked(chat, b"GET /healthz HTTP/1.0\r\n\r\n") as sock:
        assert read_rest(sock).startswith(b"HTTP/1.0 200 ")
