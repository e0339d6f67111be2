"""Take a connection over from HTTP, for WebSockets.

PEP 3333 does not provide for it, but gunicorn puts the connection's socket into the environ. To
the chain above, a WebSocket is a response 101 whose body has no bytes and lasts as long as the
session. Whoever takes it over (ngw2f/web/frames.py) writes the answer to the handshake.
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
from gevent import socket as gevent_socket
from gevent import ssl
from werkzeug.exceptions import HTTPException

from ngw2f.http import Request, Response, problem
from ngw2f.web import auth
from ngw2f.web.errors import one_line
from ngw2f.web.origins import may_connect

log = logging.getLogger(__name__)

SOCKET = "gunicorn.socket"
# The client's key, of the handshake.
KEY = "HTTP_SEC_WEBSOCKET_KEY"
# The method by which the socket of our worker leaves HTTP for good.
SWITCH = "switch_protocols"
# RFC 6455 sections 4.1 and 4.4.
VERSION = "13"
KEY_BYTES = 16
# How long the client has to answer a close frame, or to read the last bytes.
CLOSE_SECONDS = 0.5
# How much to read at once: more while the last piece was handled within this time, else less.
MIN_READ_BYTES = 256
MAX_READ_BYTES = 4096
PIECE_SECONDS = 0.003
# How long reading pauses for other greenlets at most, and how often it checks whether to go on.
MAX_PAUSE_SECONDS = 0.1
PAUSE_SECONDS = 0.02


class UpgradeRequired(HTTPException):
    """426: this resource needs another protocol (RFC 9110 section 15.5.22).

    It also says which version (RFC 6455 section 4.4).
    """

    code = 426

    def get_headers(self, *arguments: Any, **options: Any) -> list[tuple[str, str]]:
        headers = super().get_headers(*arguments, **options)
        return [*headers, ("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)]


class FrameSocket:
    """A socket to which several greenlets write whole frames, one after the other."""

    __slots__ = (
        "_can_try", "_has_switched", "_is_closed", "_lock", "_read_at",
        "_read_bytes", "_received", "_socket", "is_behind", "wait_turn",
    )  # fmt: skip

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self._has_switched = False
        self._can_try = False
        # What the client sent right after its handshake.
        self._received = b""
        self._lock = threading.Lock()
        self._is_closed = False
        self._read_at = time.monotonic()
        self._read_bytes = MIN_READ_BYTES
        self.wait_turn: Callable[[], None] = getattr(sock, "wait_turn", gevent.sleep)
        # Returns whether input still waits to be handled; until it is, no more is read.
        self.is_behind: Callable[[], bool] = bool

    def send(self, frames: bytes) -> int:
        with self._lock:
            if not self._has_switched:
                self._switch()
            self._send_all(frames)
        return len(frames)

    def try_send(self, frames: bytes) -> memoryview | None:
        """Send as much as goes at once, and return the rest, which is empty if all is sent.

        The rest has to be sent by `send_rest`; others wait for it. None: nothing could be sent,
        so `send` has to wait. It never waits itself, so the event loop may call it.
        """
        if not self._can_try or not self._lock.acquire(blocking=False):
            return None
        try:
            sent = self._socket.send(frames, 0, 0.0)
        except BlockingIOError:
            sent = 0
        except BaseException:
            self._lock.release()
            raise
        if sent == len(frames):
            self._lock.release()
        # Not a copy: many clients share the bytes.
        return memoryview(frames)[sent:]

    def send_rest(self, rest: memoryview) -> None:
        """Send what `try_send` returned."""
        try:
            self._send_all(rest)
        finally:
            self._lock.release()

    def _send_all(self, frames: bytes | memoryview) -> None:
        try:
            self._socket.sendall(frames)
        except BaseException:
            # Who waited for the client gave up, perhaps within a frame; so nothing may follow.
            self.close()
            raise

    def _switch(self) -> None:
        """Take the connection from HTTP; the first bytes sent accept the handshake."""
        self._has_switched = True
        if hasattr(self._socket, SWITCH):
            self._socket, self._received = self._socket.switch_protocols()
        # TLS writes more than the bytes, and may have to read.
        is_gevent = isinstance(self._socket, gevent_socket.socket)
        self._can_try = is_gevent and not isinstance(self._socket, ssl.SSLSocket)

    def recv(self, size: int) -> bytes:
        # Reading does not yield to other greenlets while there is input. By this pause, a client
        # that never stops sending gets at most half of the time.
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
        """Return how much to read so that it is handled soon, whether frames are tiny or large."""
        factor = 0.5 if took > PIECE_SECONDS else 2
        size = int(self._read_bytes * factor)
        self._read_bytes = min(max(size, MIN_READ_BYTES), MAX_READ_BYTES)
        return self._read_bytes

    def close_gently(self) -> None:
        """End the connection, such that a client that still sends can read the last bytes."""
        with contextlib.suppress(OSError), gevent.Timeout(CLOSE_SECONDS, False):
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(MAX_READ_BYTES):
                self.wait_turn()
        self.close()

    def close(self) -> None:
        """End the connection; the server closes the socket itself."""
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
        # After the session nothing can be written to the socket, so gunicorn, which has not sent
        # this response's headers, treats the client as disconnected.
        try:
            self._run()
        except OSError as error:
            log.debug("a WebSocket client has gone: %s", error)
        except Exception as error:
            log.error("a WebSocket session failed: %s", one_line(error))
        raise StopIteration


def take_over(request: Request) -> tuple[dict[str, Any], FrameSocket]:
    """Return the environ for the WebSocket, and the socket in it.

    Raises 400, 403, 426, 501.
    """
    if not is_upgrade(request):
        raise UpgradeRequired("this is a WebSocket; request an upgrade by GET over HTTP/1.1")
    if request.headers.get("Sec-WebSocket-Version") != VERSION:
        raise UpgradeRequired(f"Sec-WebSocket-Version must be {VERSION} (RFC 6455)")
    if "upgrade" not in listed(request.headers.get("Connection", "")):
        raise problem(400, "Connection must name Upgrade (RFC 6455 section 4.2.1)")
    if not is_key(request.headers.get("Sec-WebSocket-Key", "")):
        raise problem(400, "Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455 section 4.2.1)")
    if request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ:
        # Its bytes would be read as frames.
        raise problem(400, "a handshake has no body")
    if SOCKET not in request.environ:
        raise problem(501, "this server does not support WebSockets")
    check_origin(request)
    sock = FrameSocket(request.environ[SOCKET])
    return {**request.environ, SOCKET: sock}, sock


def handshake_of(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return the part of the environ that a WebSocket needs: what we have checked."""
    return {SOCKET: environ[SOCKET], KEY: environ[KEY].strip()}


def is_upgrade(request: Request) -> bool:
    """Return whether a request asks for a WebSocket.

    Upgrade has no meaning in HTTP/1.0 (RFC 9110 section 7.8), and GET opens a WebSocket (RFC 6455
    section 4.1).
    """
    protocol = request.environ.get("SERVER_PROTOCOL")
    is_possible = request.method == "GET" and protocol == "HTTP/1.1"
    return is_possible and "websocket" in listed(request.headers.get("Upgrade", ""))


def listed(value: str) -> set[str]:
    """Return the members of a list field, in lower case."""
    return {member.strip().lower() for member in value.split(",")}


def is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def check_origin(request: Request) -> None:
    """Raise 403 if a page of another site would act with this browser's cookie."""
    origin = request.headers.get("Origin")
    if origin is None or "HTTP_AUTHORIZATION" in request.environ:
        return
    if auth.COOKIE in request.cookies and not may_connect(request.environ):
        raise problem(403, f"pages of {origin} may not act for the users of this chat")


class SwitchingProtocols(Response):
    """A response 101 whose body is the session; Werkzeug knows that a 101 has none."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__(status=101)
        # Werkzeug sets a type, but there is no content.
        del self.headers["Content-Type"]
        self._session = Session(run)

    def get_app_iter(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        return self._session
