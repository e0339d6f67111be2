"""What nginx says of a change that may have been done, and of one that was not."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nginx.render import MAX_CHANGE_SERVERS
from tests.nginx.running import Client, make_front, running


@contextlib.contextmanager
def cutting_off(path: Path, answer: bytes = b"") -> Iterator[list[bytes]]:
    """Run an instance that reads a request and ends with it; give the requests."""
    requests = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o666)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        requests.append(connection.recv(65_536))
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory, directory: Path) -> Iterator[Client]:
    """Give a client of one instance, which nginx asks again though it failed."""
    path = directory / "cut-off.sock"
    front = make_front(tmp_path_factory.mktemp("unsure"), [path])
    with cutting_off(path), running(front) as client:
        yield client


@pytest.fixture(scope="module")
def two_cut_off(
    tmp_path_factory: pytest.TempPathFactory, directory: Path
) -> Iterator[tuple[Client, Callable[[], list[bytes]]]]:
    """Give a client of two such instances, and a function that returns what they read since."""
    paths = [directory / f"cut-off-{number}.sock" for number in range(2)]
    front = make_front(tmp_path_factory.mktemp("two"), paths)
    with cutting_off(paths[0]) as one, cutting_off(paths[1]) as two, running(front) as client:

        def take() -> list[bytes]:
            taken = [*one, *two]
            one.clear()
            two.clear()
            return taken

        yield client, take


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, directory: Path) -> Iterator[Client]:
    """Give a client of more instances than are asked in turn, none of which is there."""
    paths = [directory / f"none-{number}.sock" for number in range(MAX_CHANGE_SERVERS + 1)]
    with running(make_front(tmp_path_factory.mktemp("away"), paths)) as client:
        yield client


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_change_that_was_sent_may_have_been_done(cut_off: Client, method: str) -> None:
    answer = cut_off.ask("/api/messages", method, b"{}")
    assert answer.status == 503
    assert "this may have been done" in answer.json["detail"]
    assert "same Idempotency-Key" in answer.json["detail"]
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("path", ["/api/messages/1", "/rooms/lobby"])
@pytest.mark.parametrize("body", [None, b"{}"], ids=["bare", "body"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_no_other_instance_is_sent_the_change(
    two_cut_off: tuple[Client, Callable[[], list[bytes]]],
    method: str,
    body: bytes | None,
    path: str,
) -> None:
    client, take = two_cut_off
    answer = client.ask(path, method, body)
    assert answer.status == 503
    assert b"his may have been done" in answer.body
    assert [request.split()[:2] for request in take()] == [[method.encode(), path.encode()]]


def test_other_instance_is_asked_for_a_read(
    two_cut_off: tuple[Client, Callable[[], list[bytes]]],
) -> None:
    client, take = two_cut_off
    assert client.ask("/api/messages").status == 503
    assert len(take()) == 2


def test_it_may_be_sent_again_with_its_key(cut_off: Client) -> None:
    answer = cut_off.ask("/api/messages", "POST", b"{}", {"Idempotency-Key": '"k1"'})
    assert "may have been done" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "5"


def test_page_says_it_too(cut_off: Client) -> None:
    answer = cut_off.ask("/rooms/lobby", "POST", b"source=x")
    assert answer.status == 503
    assert b"This may have been done" in answer.body
    assert b"try again" not in answer.body


def test_read_may_be_tried_again(cut_off: Client) -> None:
    answer = cut_off.ask("/api/messages")
    assert "try again" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_what_was_not_sent_was_not_done(away: Client, method: str) -> None:
    answer = away.ask("/api/messages", method, None if method == "GET" else b"{}")
    assert answer.status == 503
    assert "try again" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "5"
