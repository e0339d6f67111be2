import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from ngw2f.broker.embedded import MAX_SOCKET_PATH_BYTES, ask, embedded_socket


def test_long_path_gets_a_short_socket() -> None:
    long, other = Path("/" + "x" * 100), Path("/" + "y" * 100)
    path = embedded_socket(long)
    assert len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES
    assert path.is_relative_to(tempfile.gettempdir())
    assert path == embedded_socket(long) != embedded_socket(other)


@pytest.mark.parametrize("end", ["\n", "\x85", "\u2028"])
def test_path_of_two_lines_is_not_a_sockets(end: str) -> None:
    """Valkey's list of clients has it, and whoever reads that list reads lines."""
    path = embedded_socket(Path(f"/one{end}two"))
    assert path.parent.parent == Path(tempfile.gettempdir())


def test_path_is_measured_in_bytes() -> None:
    assert not embedded_socket(Path("/" + "ä" * 60)).is_relative_to("/" + "ä" * 60)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(embedded_socket(tmp_path)))
        listener.listen()
        yield listener


def test_redis_is_asked(redis: Redis, valkey_url: str, tmp_path: Path) -> None:
    embedded_socket(tmp_path).symlink_to(valkey_url.removeprefix("unix://"))
    assert ask(tmp_path, b"PING", 60.0) == b"+PONG\r\n"


def test_nobody_answers(tmp_path: Path) -> None:
    assert ask(tmp_path, b"PING", 60.0) == b""


@pytest.mark.usefixtures("listener")
def test_silence_is_no_answer(tmp_path: Path) -> None:
    assert ask(tmp_path, b"PING", 0.01) == b""
