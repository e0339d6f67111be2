"""A WebSocket's messages, by wsproto, which is strict and needs neither a thread nor a socket.

simple-websocket, which has wsproto below as well, reads in a second greenlet. That costs memory,
and what came before a violation is not answered any more, because the close frame overtakes it.
"""

import base64
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gevent
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from ngw2f.live.formats import deflated_frame, text_frame
from ngw2f.web.deflate import Agreement, Inflate
from ngw2f.web.errors import one_line
from ngw2f.web.upgrade import KEY, SOCKET, FrameSocket

# Of a message, where the caller sets no limit.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
READ_BYTES = 4096
# RFC 6455 section 1.3.
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: {}\r\n{}\r\n"
)

log = logging.getLogger(__name__)


class ConnectionClosed(OSError):  # noqa: N818 # as WebSocket libraries name it
    """Either side has closed the WebSocket, or the client has gone."""


class FrameLimit(NamedTuple):
    """How many frames a client may send at once, and per second; pings and fragments count too.

    So do the parts in which a frame arrives.
    """

    at_once: int = 6_000
    a_second: int = 100


class TooManyFramesError(Exception):
    """A client sends frames faster than the limit."""


class BoundedFrames:
    """wsproto's connection, with a limit on the frames that the client sends."""

    __slots__ = ("_connection", "_counted_at", "_left", "_limit")

    def __init__(self, connection: Connection, limit: FrameLimit) -> None:
        self._connection = connection
        self._limit = limit
        self._left = float(limit.at_once)
        self._counted_at = time.monotonic()

    def events(self) -> Iterator[Any]:
        """Return the events that have arrived. Raises TooManyFramesError."""
        now = time.monotonic()
        self._left += (now - self._counted_at) * self._limit.a_second
        self._left, self._counted_at = min(self._left, self._limit.at_once), now
        for event in self._connection.events():
            self._left -= 1
            if self._left < 0:
                raise TooManyFramesError
            yield event


class WebSocketServer:
    """The server's side of one WebSocket: it accepts the handshake, then messages go both ways.

    One greenlet receives. It also answers pings and the client's close frame, each in its turn:
    a frame is looked at when all before it have been handled. Any greenlet may send.
    """

    __slots__ = (
        "_connection", "_deflates", "_events", "_frames", "_max_size", "_parts", "_size",
        "_socket", "connected", "write",
    )  # fmt: skip

    def __init__(
        self,
        environ: dict[str, Any],
        max_message_size: int | None = None,
        agreement: Agreement | None = None,
        frame_limit: FrameLimit | None = None,
    ) -> None:
        sock: FrameSocket = environ[SOCKET]
        self._socket = sock
        self._max_size = max_message_size or MAX_MESSAGE_BYTES
        self._deflates = agreement
        extensions = [Inflate(self._max_size)] if agreement else []
        self._connection = Connection(ConnectionType.SERVER, list(extensions))
        # Without a limit a client may keep the process busy.
        frames = self._connection
        self._frames = BoundedFrames(frames, frame_limit) if frame_limit else frames
        self._events: Iterator[Any] = iter(())
        # What has arrived of the next message.
        self._parts: list[Any] = []
        self._size = 0
        self.connected = True
        # Sends frames, whole and in order.
        self.write: Callable[[bytes], object] = sock.send
        sock.send(accepted(environ[KEY], agreement))

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, or None if none comes within *timeout* seconds.

        Raises ConnectionClosed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while self.connected:
                message = self._next_message()
                if message is not None:
                    return message
                if self.connected and not self._read(deadline):
                    return None
        except TooManyFramesError:
            log.info("closing a WebSocket: the client sends too many frames")
            self._try_close(CloseReason.POLICY_VIOLATION, "too many frames")
        except OSError as error:
            self._end()
            raise ConnectionClosed from error
        except Exception as error:
            log.error("closing a WebSocket after an error: %s", one_line(error))
            self._try_close(CloseReason.INTERNAL_ERROR)
        self._end()
        raise ConnectionClosed

    def send(self, message: str | bytes) -> None:
        """Send a message, compressed if that was agreed on. Raises ConnectionClosed, OSError."""
        if not self.connected:
            raise ConnectionClosed
        if isinstance(message, bytes):
            self.write(self._connection.send(Message(data=message)))
        elif self._deflates:
            self.write(deflated_frame(message.encode(), self._deflates.window_bits))
        else:
            self.write(text_frame(message.encode()))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame, after which nothing is sent. Raises ConnectionClosed, OSError."""
        if not self.connected:
            raise ConnectionClosed
        self.connected = False
        self._send_close(CloseConnection(code or CloseReason.NORMAL_CLOSURE, reason))

    def _try_close(self, code: int, reason: str | None = None) -> None:
        with contextlib.suppress(OSError):
            self.close(code, reason)

    def _send_close(self, close: CloseConnection) -> None:
        # The other greenlet may just have sent one.
        with contextlib.suppress(LocalProtocolError):
            self.write(self._connection.send(close))

    def _end(self) -> None:
        self.connected = False
        self._parts.clear()

    def _read(self, deadline: float | None) -> bool:
        """Read what arrives; return False if it is too late. Raises OSError."""
        if deadline is None:
            # Most clients wait here: without a timer that would cost memory.
            received: bytes | None = self._socket.recv(READ_BYTES)
        else:
            received = None
            with gevent.Timeout(max(deadline - time.monotonic(), 0), False):
                received = self._socket.recv(READ_BYTES)
        if received is None:
            return False
        if not received:
            raise ConnectionClosed
        self._connection.receive_data(received)
        self._events = self._frames.events()
        return True

    def _next_message(self) -> str | bytes | None:
        """Return the next message of those that have arrived completely.

        Raises ConnectionClosed, TooManyFramesError.
        """
        for event in self._events:
            if isinstance(event, (TextMessage, BytesMessage)):
                message = self._add(event)
                if message is not None:
                    return message
            elif isinstance(event, Ping):
                self._answer_ping(event)
            elif isinstance(event, CloseConnection):
                # The client's close frame, or a violation of the protocol by it.
                self._send_close(event.response())
                raise ConnectionClosed
        return None

    def _answer_ping(self, ping: Ping) -> None:
        # After a close frame of ours there is no answer.
        if self._connection.state is ConnectionState.OPEN:
            self.write(self._connection.send(ping.response()))

    def _add(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Add a part of a message; return the message when it is complete.

        Raises ConnectionClosed.
        """
        self._size += _size_of(event.data)
        if self._size > self._max_size:
            self._try_close(CloseReason.MESSAGE_TOO_BIG, "Message is too big")
            raise ConnectionClosed
        if event.data:
            self._parts.append(event.data)
        if not event.message_finished:
            return None
        parts = self._parts
        self._parts, self._size = [], 0
        message: str | bytes = ("" if isinstance(event, TextMessage) else b"").join(parts)
        return message


def _size_of(data: str | bytes | bytearray) -> int:
    """Return how many bytes arrived."""
    return len(data.encode() if isinstance(data, str) and not data.isascii() else data)


def accepted(key: str, agreement: Agreement | None) -> bytes:
    """Return the 101 response to a handshake with this Sec-WebSocket-Key."""
    digest = hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()
    extension = f"Sec-WebSocket-Extensions: {agreement.answer}\r\n" if agreement else ""
    return ACCEPTED.format(base64.b64encode(digest).decode(), extension).encode()
