"""python-socketio's server, made strict: it sees only what a client may send.

The library takes much on trust: it calls our handlers for events of its own names, keeps
attachments that nobody asked for, waits for a client that has gone, and lets exceptions out
of a connection that has switched protocols. What reaches it here was checked before.
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

# Nothing more is taken from a client for whom so much waits: a feed's chunk and its answers.
MAX_UNREAD = 2_000
MAX_UNREAD_BYTES = 1024 * 1024
# How long a client has for each of the two packets by which it changes to a WebSocket.
UPGRADE_SECONDS = 10.0
# RFC 6455 section 7.4.1.
PROTOCOL_ERROR = 1002

log = logging.getLogger(__name__)


class ByteQueue(JoinableQueue):  # type: ignore[misc] # gevent has no types
    """What waits for one client, and how many bytes that is."""

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
    """Return the bytes of a packet in the queue, about; None ends the queue."""
    return len(packet.data) if packet is not None and isinstance(packet.data, str) else 0


def is_behind(connection: Any) -> bool:
    """Say whether a client goes on sending and does not read what it is answered."""
    queue = connection.queue
    return bool(queue.qsize() >= MAX_UNREAD or queue.bytes >= MAX_UNREAD_BYTES)


class StrictWebSocket(WebSocketWSGI):  # type: ignore[misc] # engineio has no types
    """Engine.IO's WebSocket: what it receives is a packet whose turn it is, or the end."""

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self._engine = server
        self._connection = handler.__self__
        # The library would keep a message of any length before it refuses it.
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
            # The library's writer may hang on a client that does not read.
            self._socket.close_soon()
        return packet

    def _next_packet(self) -> str | None:
        connection, engine = self._connection, self._engine
        is_open = connection.upgraded
        seconds = engine.ping_interval + engine.ping_timeout if is_open else UPGRADE_SECONDS
        try:
            packet = self.ws.receive(timeout=seconds)
            # Much may have come at once; others have their turn between two packets.
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
            log.info("a Socket.IO client is cut off: %s", error)
            with contextlib.suppress(ConnectionClosed, OSError, LocalProtocolError):
                self.ws.close(PROTOCOL_ERROR, str(error))
            return None
        return str(packet)


class StrictServer(socketio.Server):  # type: ignore[misc] # socketio has no types
    """Socket.IO's server for the events that it has handlers for, and no others."""

    def __init__(self, max_bytes: int) -> None:
        # A client's events are taken one after the other: in order, and never more at once
        # than it waits for.
        super().__init__(async_mode="gevent", async_handlers=False, max_http_buffer_size=max_bytes)
        engine = self.eio
        engine._async = {**engine._async, "websocket": StrictWebSocket, "queue": ByteQueue}
        # The WebSockets, by Engine.IO's session id.
        engine.frame_sockets = WeakValueDictionary()

    def find(self, session: str) -> Any:
        """Return a session's connection, None if there is none any more."""
        connection = self.eio.sockets.get(session)
        return None if connection is None or connection.closed else connection

    def cut_off(self, session: str, reason: str) -> None:
        """End a session at once, without a farewell that the client would have to read."""
        connection = self.find(session)
        if connection:
            log.info("a Socket.IO client is cut off: %s", reason)
            connection.close(wait=False, abort=True, reason=self.reason.TRANSPORT_ERROR)
            self.eio.sockets.pop(session, None)

    def _handle_eio_message(self, session: str, text: Any) -> None:
        if self.find(session) is None:
            return  # It sent more behind what ended it.
        try:
            self._take(session, parse_message(str(text)))
        except BadPacketError as error:
            self.cut_off(session, str(error))
        except Exception as error:
            log.error("what came over Socket.IO cannot be followed: %s", one_line(error))
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
        # What is left acknowledges an event of ours, and none asks for that.

    def _is_taken(self, event: str) -> bool:
        return event not in self.reserved_events and event in self.handlers["/"]
