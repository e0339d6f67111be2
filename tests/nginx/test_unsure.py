"""What nginx says of a change that may have been done, and of one that was not."""

import contextlib
import socket
import threading

import pytest

from tests.nginx.running import make_front, running


@contextlib.contextmanager
def cutting_off(path, answer=b""):
    """Run an instance that reads a request and ends with it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o666)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory, directory):
    """Give a client of one instance, which nginx asks again though it failed."""
    path = directory / "cut-off.sock"
    front = make_front(tmp_path_factory.mktemp("unsure"), [path])
    with cutting_off(path), running(front) as client:
        yield client


@pytest.fixture(scope="module")
def away(tmp_path_factory, directory):
    with running(make_front(tmp_path_factory.mktemp("away"), [directory / "none.sock"])) as client:
        yield client


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_change_that_was_sent_may_have_been_done(cut_off, method):
    answer = cut_off.ask("/api/messages", method, b"{}")
    assert answer.status == 503
    assert "this may have been done" in answer.json["detail"]
    assert "same Idempotency-Key" in answer.json["detail"]
    assert "Retry-After" not in answer.headers


def test_it_may_be_sent_again_with_its_key(cut_off):
    answer = cut_off.ask("/api/messages", "POST", b"{}", {"Idempotency-Key": '"k1"'})
    assert "may have been done" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "5"


def test_page_says_it_too(cut_off):
    answer = cut_off.ask("/rooms/lobby", "POST", b"source=x")
    assert answer.status == 503
    assert b"This may have been done" in answer.body
    assert b"try again" not in answer.body


def test_read_may_be_tried_again(cut_off):
    answer = cut_off.ask("/api/messages")
    assert "try again" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_was_not_sent_was_not_done(away, method):
    answer = away.ask("/api/messages", method, None if method == "GET" else b"{}")
    assert answer.status == 503
    assert "try again" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "5"
