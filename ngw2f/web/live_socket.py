"""A WebSocket as the server of Socket.IO uses it."""

import contextlib
from collections.abc import Callable

import gevent
from wsproto.utilities import LocalProtocolError

from middleware.request_id import KEY as REQUEST_ID
from ngw2f.http import Request, Response
from ngw2f.live.liveness import STALL_SECONDS
from ngw2f.observe.tracing import following
from ngw2f.socketio.layers import ClosedError, Stream, Switch
from ngw2f.socketio.packets import Message
from ngw2f.web.frames import ConnectionClosed, FrameLimit, WebSocketServer
from ngw2f.web.upgrade import (
    CLOSE_SECONDS,
    FrameSocket,
    SwitchingProtocols,
    handshake_of,
    take_over,
)
from ngw2f.web.writer import Writer


class LiveSocket:
    """A connection that has switched to WebSocket, and the library that speaks on it."""

    __slots__ = ("_server", "_socket", "wait_turn")

    def __init__(self, server: WebSocketServer, sock: FrameSocket) -> None:
        self._server = server
        self._socket = sock
        self.wait_turn = sock.wait_turn

    def receive(self, seconds: float) -> Message | None:
        try:
            message = self._server.receive(timeout=seconds)
        except ConnectionClosed as error:
            raise ClosedError from error
        return message

    def send(self, message: Message) -> None:
        # Whoever waits here sees no ping that is due, and an unread answer would keep it waiting.
        stalled = ClosedError("the client does not read")
        try:
            with gevent.Timeout(STALL_SECONDS, stalled):
                self._server.send(message)
        except (ConnectionClosed, LocalProtocolError, OSError) as error:
            raise ClosedError from error

    def follow(self, stream: Stream, close: Callable[[], None]) -> Writer:
        return Writer(stream, self._socket, close)

    def close(self, code: int, reason: str = "") -> None:
        gone = (ConnectionClosed, LocalProtocolError, OSError)
        with contextlib.suppress(*gone), gevent.Timeout(CLOSE_SECONDS, False):
            self._server.close(code, reason)


def switch_with(max_message_bytes: int) -> Switch:
    """Return a function that switches a request's connection to a WebSocket."""

    def switch(request: Request, converse: Callable[[LiveSocket], None]) -> Response:
        environ, sock = take_over(request)
        # The rest of the environ is not kept.
        handshake, request_id = handshake_of(environ), environ.get(REQUEST_ID, "")

        def run() -> None:
            try:
                server = WebSocketServer(handshake, max_message_bytes, frame_limit=FrameLimit())
                with following(request_id):
                    converse(LiveSocket(server, sock))
            finally:
                sock.close()

        return SwitchingProtocols(run)

    return switch
