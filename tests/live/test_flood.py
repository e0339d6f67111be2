"""A client that sends without end, and reads nothing, takes neither time nor memory of others."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import websocket
from websocket import ABNF

from ngw2f.web.frames import FrameLimit
from tests.live.server import ChatServer

ENGINE = "/socket.io/?EIO=4&transport=websocket"
SECONDS = 60
MEGABYTE = 1024 * 1024


def connect(chat: ChatServer, path: str) -> Any:  # Not all of the library has types.
    sock = socket.create_connection(("127.0.0.1", chat.port), timeout=SECONDS)
    return websocket.create_connection(f"ws://127.0.0.1:{chat.port}{path}", socket=sock)


@contextmanager
def flooding(connection: Any, frame: bytes) -> Iterator[None]:
    """Send as fast as it goes, from a thread; end the connection afterwards."""
    many = frame * (64 * 1024 // len(frame))

    def send() -> None:
        with suppress(OSError):
            while True:
                connection.sock.sendall(many)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        # Whoever does not read is cut off after a while.
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        connection.shutdown()


@pytest.mark.parametrize(
    ("path", "opcode", "payload"),
    [
        ("/ws", ABNF.OPCODE_TEXT, '{"type": "ping"}'),
        ("/ws", ABNF.OPCODE_PING, ""),
        ("/ws", ABNF.OPCODE_TEXT, '{"type": "resume", "after": "0"}'),
        ("/ws", ABNF.OPCODE_TEXT, '{"type": "typing", "room_id": 99}'),
        (ENGINE, ABNF.OPCODE_TEXT, '42["ping_user", "nonsense"]'),
        (ENGINE, ABNF.OPCODE_TEXT, '421["typing"]'),
    ],
    ids=["messages", "pings", "resumes", "refusals", "events", "answers"],
)
def test_others_are_served(chat: ChatServer, path: str, opcode: int, payload: str) -> None:
    connection = connect(chat, path)
    if path == ENGINE:
        connection.send("40")
    with flooding(connection, ABNF.create_frame(payload, opcode).format()):
        for _ in range(5):
            assert chat.call("GET", "/api/rooms").status_code == 200


@pytest.mark.parametrize("path", ["/ws", ENGINE])
def test_endless_message_ends_the_connection(chat: ChatServer, path: str) -> None:
    connection = connect(chat, path)
    with suppress(BrokenPipeError, ConnectionResetError):  # It may end before all is sent.
        connection.send_frame(ABNF.create_frame("x" * 2 * MEGABYTE, ABNF.OPCODE_TEXT, fin=0))
        while connection.sock.recv(4096):
            pass
    connection.shutdown()


@pytest.mark.parametrize("path", ["/ws", ENGINE])
@pytest.mark.parametrize(
    ("first", "more"),
    [(ABNF.OPCODE_PONG, ABNF.OPCODE_PONG), (ABNF.OPCODE_TEXT, ABNF.OPCODE_CONT)],
    ids=["pongs", "fragments"],
)
def test_endless_small_frames_end_the_connection(
    chat: ChatServer, path: str, first: int, more: int
) -> None:
    connection = connect(chat, path)
    fin = int(more == ABNF.OPCODE_PONG)
    begin, go_on = (ABNF.create_frame("", opcode, fin).format() for opcode in (first, more))
    # The client sends that much, and stays.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sock.sendall(begin + go_on * 5 * FrameLimit().at_once)
        while connection.sock.recv(4096):
            pass
    connection.shutdown()
