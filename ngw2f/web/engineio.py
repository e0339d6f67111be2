"""python-socketio's server, made strict: it receives only packets that a client may send.

The library trusts its clients: it calls handlers for event names that it reserves for itself,
stores attachments that nobody asked for, waits for clients that have gone, and lets exceptions
escape from a connection that has switched protocols. Here, packets are checked before it.
"""

import contextlib
import logging
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary
from wsgiref.types import StartResponse, WSGIEnvironment

import socketio
from engineio.async_drivers.gevent import WebSocketWSGI
from gevent.queue import JoinableQueue
from simple_websocket import ConnectionClosed
from socketio.packet import ACK as ACKNOWLEDGE
from socketio.packet import Packet as Answer
from wsproto.utilities import LocalProtocolError

from ngw2f.web.errors import one_line
from ngw2f.web.frames import WebSocketServer
from ngw2f.web.packets import (
    CONNECT,
    DISCONNECT,
    EVENT,
    PROBE,
    UPGRADE,
    BadPacketError,
    Packet,
    check_packet,
    parse_message,
)
from ngw2f.web.upgrade import SOCKET, FrameSocket, handshake_of, has_much_unheard

# While this much waits for a client (a chunk of its feed, and answers), nothing is read from it.
MAX_UNREAD = 2_000
MAX_UNREAD_BYTES = 1024 * 1024
# How long a client has for each of the two packets that upgrade it to a WebSocket.
UPGRADE_SECONDS = 10.0
# RFC 6455 section 7.4.1.
PROTOCOL_ERROR = 1002

log = logging.getLogger(__name__)


class ByteQueue(JoinableQueue):  # type: ignore[misc] # gevent has no types
    """The packets that wait for one client, and how many bytes they have."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def put(self, packet: Any, *options: Any, **named: Any) -> None:
        self.bytes += size_of(packet)
        super().put(packet, *options, **named)

    def get(self, *options: Any, **named: Any) -> Any:
        packet = super().get(*options, **named)
        self.bytes -= size_of(packet)
        return packet


def size_of(packet: Any) -> int:
    """Return about how many bytes a packet has; None marks the end of the queue."""
    return len(packet.data) if packet is not None and isinstance(packet.data, str) else 0


def is_behind(connection: Any) -> bool:
    """Return whether a client sends without reading its answers."""
    queue = connection.queue
    return bool(queue.qsize() >= MAX_UNREAD or queue.bytes >= MAX_UNREAD_BYTES)


class StrictWebSocket(WebSocketWSGI):  # type: ignore[misc] # engineio has no types
    """Engine.IO's WebSocket: it returns only packets that are allowed now, or ends."""

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self._engine = server
        self._connection = handler.__self__
        # Without it, the library would buffer a message of any length before it refuses it.
        self.server_args["max_message_size"] = server.max_http_buffer_size

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sock: FrameSocket = environ[SOCKET]
        self._socket = sock
        self._engine.frame_sockets[self._connection.sid] = sock
        self.ws = WebSocketServer(handshake_of(environ), **self.server_args)
        sock.is_behind = lambda: is_behind(self._connection) or has_much_unheard(self.ws)
        self.app(self)
        return []

    def close(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError, LocalProtocolError):
            super().close()

    def wait(self) -> str | None:
        packet = self._next_packet()
        if packet is None:
            # The library's writer may block on a client that does not read.
            self._socket.close_soon()
        return packet

    def _next_packet(self) -> str | None:
        connection, engine = self._connection, self._engine
        is_open = connection.upgraded
        seconds = engine.ping_interval + engine.ping_timeout if is_open else UPGRADE_SECONDS
        try:
            packet = self.ws.receive(timeout=seconds)
            # Many packets may have arrived at once: let other greenlets run between them.
            self._socket.wait_turn()
            if packet is None or connection.closed:
                return None
            if is_open:
                check_packet(packet)
            elif packet not in (PROBE, UPGRADE):
                raise BadPacketError("a change to a WebSocket is a probe and an upgrade")
        except ConnectionClosed:
            return None
        except BadPacketError as error:
            log.info("disconnecting a Socket.IO client: %s", error)
            with contextlib.suppress(ConnectionClosed, OSError, LocalProtocolError):
                self.ws.close(PROTOCOL_ERROR, str(error))
            return None
        return str(packet)


class StrictServer(socketio.Server):  # type: ignore[misc] # socketio has no types
    """Socket.IO's server, which accepts only events that have a handler."""

    def __init__(self, max_bytes: int) -> None:
        # Handle a client's events one at a time: in order, and without a greenlet for each.
        # Origins are checked before it, and it would say that their pages may send cookies.
        super().__init__(
            async_mode="gevent",
            async_handlers=False,
            max_http_buffer_size=max_bytes,
            cors_allowed_origins=[],
        )
        engine = self.eio
        engine._async = {**engine._async, "websocket": StrictWebSocket, "queue": ByteQueue}
        # The sockets of the WebSockets, by Engine.IO's session id.
        engine.frame_sockets = WeakValueDictionary()

    def find(self, session: str) -> Any:
        """Return a session's connection, None if it has ended."""
        connection = self.eio.sockets.get(session)
        return None if connection is None or connection.closed else connection

    def cut_off(self, session: str, reason: str) -> None:
        """End a session at once, without a last packet that the client would have to read."""
        connection = self.find(session)
        if connection:
            log.info("disconnecting a Socket.IO client: %s", reason)
            connection.close(wait=False, abort=True, reason=self.reason.TRANSPORT_ERROR)
            self.eio.sockets.pop(session, None)

    def _handle_eio_message(self, session: str, text: Any) -> None:
        if self.find(session) is None:
            return  # The client sent more after the packet that ended the session.
        try:
            self._take(session, parse_message(str(text)))
        except BadPacketError as error:
            self.cut_off(session, str(error))
        except Exception as error:
            log.error("handling a Socket.IO packet failed: %s", one_line(error))
            self.cut_off(session, "an error on our side")

    def _handle_eio_disconnect(self, session: str, reason: str) -> None:
        super()._handle_eio_disconnect(session, reason)
        sock = self.eio.frame_sockets.get(session)
        if sock:
            sock.close_soon()

    def _take(self, session: str, packet: Packet) -> None:
        if packet.kind == CONNECT:
            self._handle_connect(session, packet.namespace, packet.content)
        elif packet.kind == DISCONNECT:
            self._handle_disconnect(session, packet.namespace)
        elif packet.kind == EVENT and self._is_taken(packet.content[0]):
            self._handle_event(session, packet.namespace, packet.ack_id, packet.content)
        elif packet.kind == EVENT and packet.ack_id is not None:
            error = {"error": "there is no such event", "status": 404}
            answer = Answer(ACKNOWLEDGE, [error], packet.namespace, packet.ack_id)
            self._send_packet(session, answer)
        # Ignore acknowledgements: none of our events asks for one.

    def _is_taken(self, event: str) -> bool:
        return event not in self.reserved_events and event in self.handlers["/"]
