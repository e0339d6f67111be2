"""Who gets which request, and what happens while an instance is gone."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nginx.recorder import Instance, Recorder
from tests.nginx.running import Client, make_front, running

ROUNDS = 20


@pytest.fixture
def three(tmp_path: Path, directory: Path) -> Iterator[tuple[Client, list[Path]]]:
    """Give a client and three instances of which some are not there."""
    paths = [directory / f"three-{number}.sock" for number in range(3)]
    with running(make_front(tmp_path, paths)) as client:
        yield client, paths


def asked(client: Client, target: str, method: str = "GET") -> Counter[str]:
    body = None if method == "GET" else b"x"
    answers = [client.ask(target, method, body) for _ in range(ROUNDS)]
    assert {answer.status for answer in answers} == {200}
    return Counter(answer.json["instance"] for answer in answers)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_pages_go_to_all(client: Client, method: str) -> None:
    assert set(asked(client, "/", method)) == {"one", "two"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_socketio_goes_to_all(client: Client, method: str) -> None:
    """Its sessions are in Redis, so nobody needs `ip_hash`."""
    polled = asked(client, "/socket.io/?EIO=4&transport=polling&sid=x", method)
    assert set(polled) == {"one", "two"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/socket.io/", "/api/events"])
def test_others_take_over(three: tuple[Client, list[Path]], path: str, method: str) -> None:
    client, paths = three
    with Instance(paths[1]):
        assert set(asked(client, path, method)) == {"three-1"}


@pytest.mark.parametrize("path", ["/events", "/api/events", "/ws", "/socket.io/"])
def test_streams_go_out_at_once(client: Client, recorders: list[Recorder], path: str) -> None:
    end = threading.Event()
    for recorder in recorders:
        recorder.end = end
    with client.open(path) as response:
        line = response.readline()
        end.set()
        rest = response.read()
    assert (line, rest) == (b"data: 1\n", b"")


@contextlib.contextmanager
def full(path: Path) -> Iterator[None]:
    """Listen at a socket whose queue is full, until the block ends."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(path))
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                one = waiting.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                one.connect(str(path))
        yield
    path.unlink()


@pytest.mark.parametrize("target", ["/api/events", "/socket.io/", "/", "/ws"])
def test_instance_whose_queue_was_full_is_not_put_aside(
    three: tuple[Client, list[Path]], target: str
) -> None:
    """A moment later there is room, and whoever asks then is served."""
    client, paths = three
    with contextlib.ExitStack() as crowds:
        for path in paths:
            crowds.enter_context(full(path))
        assert {client.ask(target).status for _ in range(8)} == {503}
        assert client.ask("/", "POST", b"x").status == 503
    with contextlib.ExitStack() as instances:
        for path in paths:
            instances.enter_context(Instance(path))
        assert client.ask(target).status == 200
        assert client.ask("/", "POST", b"x").status == 200


def test_crowd_of_streams_is_in_nobody_elses_way(tmp_path: Path, directory: Path) -> None:
    path, streams = directory / "own.sock", directory / "streams.sock"
    front = make_front(tmp_path, [path], stream_servers=[f"unix:{streams}"])
    with running(front) as client, Instance(path), full(streams):
        for target in ("/events", "/api/events", "/ws", "/socket.io/"):
            assert client.ask(target).status == 503
        assert client.ask("/").status == 200
        assert client.ask("/", "POST", b"x").status == 200
