"""Taking a connection over from HTTP, for WebSockets.

PEP 3333 has no place for it; gunicorn gives the connection's socket in the environ.
To the chain above, a WebSocket is a response 101 with a body that has no bytes, which
takes as long as the session does. The handshake's answer is written by the library.
"""

import contextlib
import logging
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import WSGIEnvironment

import gevent
from simple_websocket import Server
from werkzeug.exceptions import HTTPException

from middleware.cross_origin import is_same_host
from ngw2f.http import Request, Response, problem
from ngw2f.web import auth
from ngw2f.web.errors import one_line

log = logging.getLogger(__name__)

SOCKET = "gunicorn.socket"
# By this the socket of our worker is taken from HTTP for good.
SWITCH = "switch_protocols"
# Of the protocol (RFC 6455 sections 4.1 and 4.4).
VERSION = "13"
KEY_BYTES = 16
# How long the other side has to answer the end.
CLOSE_SECONDS = 0.5
# So much of what a client has sent waits to be followed: messages, and characters in them.
MAX_UNHEARD = 16
MAX_UNHEARD_CHARACTERS = 64 * 1024
# So much is read at once, as far as it was worked off in this time before.
MIN_READ_BYTES = 256
MAX_READ_BYTES = 4096
PIECE_SECONDS = 0.003
# How long reading waits for others, at most, and how often it looks whether it may go on.
MAX_PAUSE_SECONDS = 0.1
PAUSE_SECONDS = 0.02


class UpgradeRequired(HTTPException):
    """426: what is here is spoken of by another protocol (RFC 9110 section 15.5.22).

    It also says which version of it (RFC 6455 section 4.4).
    """

    code = 426

    def get_headers(self, *arguments: Any, **options: Any) -> list[tuple[str, str]]:
        headers = super().get_headers(*arguments, **options)
        return [*headers, ("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)]


class FrameSocket:
    """A socket on which several greenlets write whole frames.

    simple-websocket answers pings on its own and takes what `send` wrote of a frame
    for all of it; here `send` writes all, and one frame after the other.
    """

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self._has_switched = False
        # What the client sent right after its handshake.
        self._received = b""
        self._lock = threading.Lock()
        self._is_closed = False
        self._read_at = time.monotonic()
        self._read_bytes = MIN_READ_BYTES
        self.wait_turn: Callable[[], None] = getattr(sock, "wait_turn", gevent.sleep)
        # Says that what came is still to be worked off: so long no more is read.
        self.is_behind: Callable[[], bool] = lambda: False

    def send(self, frames: bytes) -> int:
        with self._lock:
            if not self._has_switched:
                self._switch()
            self._socket.sendall(frames)
        return len(frames)

    def _switch(self) -> None:
        """Take the connection from HTTP: the first bytes that are sent accept the handshake."""
        self._has_switched = True
        if hasattr(self._socket, SWITCH):
            self._socket, self._received = self._socket.switch_protocols()

    def recv(self, size: int) -> bytes:
        # While there is something to read, reading lets nobody else have a turn. So a client
        # that sends without end has half of the time, and the others have the other half.
        took = time.monotonic() - self._read_at
        time.sleep(min(took, MAX_PAUSE_SECONDS))
        while self.is_behind() and not self._is_closed:
            time.sleep(PAUSE_SECONDS)
        size = min(size, self._next_size(took))
        self.wait_turn()
        if self._received:
            received, self._received = self._received[:size], self._received[size:]
        else:
            received = self._socket.recv(size)
        self._read_at = time.monotonic()
        return received

    def _next_size(self, took: float) -> int:
        """Return how much to read, so that it is worked off soon: frames may be tiny, or large."""
        factor = 0.5 if took > PIECE_SECONDS else 2
        size = int(self._read_bytes * factor)
        self._read_bytes = min(max(size, MIN_READ_BYTES), MAX_READ_BYTES)
        return self._read_bytes

    def fileno(self) -> int:
        number: int = self._socket.fileno()
        return number

    def close_soon(self) -> None:
        """Let what is being written reach the client, if it reads, and end the connection."""
        gevent.spawn_later(CLOSE_SECONDS, self.close)

    def close(self) -> None:
        """End the connection; the socket itself is the server's to close."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Session:
    """The body of a response 101: iterating over it is the session."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        # When it is over, nothing can be written to the socket any more, and gunicorn,
        # which has not sent this response's headers, takes that for a client that left.
        try:
            self._run()
        except OSError as error:
            log.debug("a WebSocket's client has gone: %s", error)
        except Exception as error:
            log.error("a WebSocket is ended: %s", one_line(error))
        raise StopIteration


def take_over(request: Request) -> tuple[dict[str, Any], FrameSocket]:
    """Return the environ that a WebSocket library works with, and its socket.

    Raises 400, 403, 426, 501.
    """
    if not is_upgrade(request):
        raise UpgradeRequired("this is a WebSocket; ask for an upgrade by GET over HTTP/1.1")
    if request.headers.get("Sec-WebSocket-Version") != VERSION:
        raise UpgradeRequired(f"Sec-WebSocket-Version is {VERSION} (RFC 6455)")
    if "upgrade" not in listed(request.headers.get("Connection", "")):
        raise problem(400, "Connection names Upgrade (RFC 6455 section 4.2.1)")
    if not is_key(request.headers.get("Sec-WebSocket-Key", "")):
        raise problem(400, "Sec-WebSocket-Key is 16 bytes in base64 (RFC 6455 section 4.2.1)")
    if request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ:
        # Its bytes would be taken for frames.
        raise problem(400, "a handshake has no body")
    if SOCKET not in request.environ:
        raise problem(501, "this server has no WebSockets")
    check_origin(request)
    sock = FrameSocket(request.environ[SOCKET])
    # Each library reads lists of protocols in its own way, or none.
    asked = {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"}
    return {**request.environ, **asked, SOCKET: sock}, sock


def handshake_of(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return what the WebSocket library reads: the socket, and the fields that we have checked.

    Of the others it would fail at some, and take up what we do not speak: compression for
    each client on its own, where one frame is made for all of them.
    """
    return {
        SOCKET: environ[SOCKET],
        "HTTP_HOST": "chat",
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_VERSION": VERSION,
        "HTTP_SEC_WEBSOCKET_KEY": environ["HTTP_SEC_WEBSOCKET_KEY"].strip(),
    }


def has_much_unheard(server: Server) -> bool:
    """Say whether so much waits that no more is to be read."""
    waiting = server.input_buffer
    return len(waiting) >= MAX_UNHEARD or sum(map(len, waiting)) >= MAX_UNHEARD_CHARACTERS


def without_upgrade(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return an environ by which nobody can take the connection over."""
    withheld = (SOCKET, "HTTP_UPGRADE")
    return {name: value for name, value in environ.items() if name not in withheld}


def is_upgrade(request: Request) -> bool:
    """Say whether a request asks for a WebSocket.

    Upgrade means nothing over HTTP/1.0 (RFC 9110 section 7.8), and a WebSocket is opened by GET
    (RFC 6455 section 4.1).
    """
    protocol = request.environ.get("SERVER_PROTOCOL")
    is_possible = request.method == "GET" and protocol == "HTTP/1.1"
    return is_possible and "websocket" in listed(request.headers.get("Upgrade", ""))


def listed(value: str) -> set[str]:
    """Return the members of a field's list, in lower case."""
    return {member.strip().lower() for member in value.split(",")}


def is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def check_origin(request: Request) -> None:
    """Raise 403 for another site's page that would act with this browser's cookie."""
    origin = request.headers.get("Origin")
    if origin is None or "HTTP_AUTHORIZATION" in request.environ:
        return
    if auth.COOKIE in request.cookies and not is_same_host(origin, request.host):
        raise problem(403, f"pages of {origin} may not act for the users of this chat")


class SwitchingProtocols(Response):
    """A response 101 whose body is the session; Werkzeug knows that a 101 has none."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__(status=101)
        # Werkzeug sets one, and there is nothing to have a type.
        del self.headers["Content-Type"]
        self._session = Session(run)

    def get_app_iter(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        return self._session
