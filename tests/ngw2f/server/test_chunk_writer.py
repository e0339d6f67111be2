import socket
from collections.abc import Iterator

import pytest

from ngw2f.server.chunk_writer import ChunkWriter

Pair = tuple[ChunkWriter, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(60)
        yield ChunkWriter(ours.fileno()), theirs


def test_frame_is_a_chunk() -> None:
    assert ChunkWriter.frame(b"x" * 26) == b"1A\r\n" + b"x" * 26 + b"\r\n"


def test_frame_is_written(pair: Pair) -> None:
    writer, theirs = pair
    assert writer.write(b"5\r\nhello\r\n", 5)
    assert theirs.recv(100) == b"5\r\nhello\r\n"
    assert (writer.rest, writer.size) == (None, 5)


def test_rest_shares_the_bytes_of_the_frame(pair: Pair) -> None:
    writer, _theirs = pair
    frame = b"x" * 10_000_000
    assert writer.write(frame, len(frame))
    assert writer.rest is not None
    assert writer.rest.obj is frame


def test_full_socket_takes_nothing(pair: Pair) -> None:
    writer, _theirs = pair
    writer.write(b"x" * 10_000_000, 1)
    assert not writer.write(b"more", 4)
    assert writer.size == 1


def test_client_that_has_gone_takes_nothing(pair: Pair) -> None:
    writer, theirs = pair
    theirs.close()
    assert not writer.write(b"more", 4)
    assert (writer.rest, writer.size) == (None, 0)
