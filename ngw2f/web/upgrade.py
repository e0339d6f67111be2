"""Taking a connection over from HTTP, for WebSockets.

PEP 3333 has no place for it; gunicorn gives the connection's socket in the environ.
To the chain above, a WebSocket is a response 101 with a body that has no bytes, which
takes as long as the session does. The handshake's answer is written by the library.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIEnvironment

from werkzeug.exceptions import HTTPException

from ngw2f.http import Request, Response, problem
from ngw2f.web import auth

SOCKET = "gunicorn.socket"


class UpgradeRequired(HTTPException):
    """426: what is here is spoken of by another protocol (RFC 9110 section 15.5.22)."""

    code = 426

    def get_headers(self, *arguments: Any, **options: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*arguments, **options), ("Upgrade", "websocket")]


class FrameSocket:
    """A socket on which several greenlets write whole frames.

    simple-websocket answers pings on its own and takes what `send` wrote of a frame
    for all of it; here `send` writes all, and one frame after the other.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()

    def send(self, frames: bytes) -> int:
        with self._lock:
            self._socket.sendall(frames)
        return len(frames)

    def recv(self, size: int) -> bytes:
        return self._socket.recv(size)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """End the connection; the socket itself is the server's to close."""
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
        self._run()
        raise StopIteration


def take_over(request: Request) -> tuple[dict[str, Any], FrameSocket]:
    """Return the environ that a WebSocket library works with, and its socket. Raises 426, 501."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise UpgradeRequired("this is a WebSocket; ask for an upgrade")
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise problem(400, "Sec-WebSocket-Version is 13 (RFC 6455)")
    if SOCKET not in request.environ:
        raise problem(501, "this server has no WebSockets")
    check_origin(request)
    sock = FrameSocket(request.environ[SOCKET])
    environ = {**request.environ, SOCKET: sock}
    # What is compressed for each client on its own cannot be framed once for all.
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    return environ, sock


def check_origin(request: Request) -> None:
    """Raise 403 for another site's page that would act with this browser's cookie."""
    origin = request.headers.get("Origin")
    if origin is None or "HTTP_AUTHORIZATION" in request.environ:
        return
    if auth.COOKIE in request.cookies and urlsplit(origin).netloc.lower() != request.host.lower():
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
