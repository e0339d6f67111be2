"""The WebSocket library's server, with a limit on the frames that a client sends."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from simple_websocket import ConnectionClosed, Server
from wsproto import WSConnection
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from ngw2f.web.errors import one_line

# How many frames a client may send at once, and per second; pings and fragments count too.
MAX_FRAMES = 6_000
FRAMES_A_SECOND = 100

log = logging.getLogger(__name__)


class TooManyFramesError(Exception):
    """A client sends frames faster than the limit."""


class BoundedFrames:
    """wsproto's connection, with a limit on the frames that the client sends."""

    def __init__(self, connection: WSConnection) -> None:
        self._connection = connection
        self.receive_data = connection.receive_data
        self.send = connection.send
        self._left = float(MAX_FRAMES)
        self._counted_at = time.monotonic()

    def events(self) -> Iterator[Any]:
        """Return the events that have arrived. Raises TooManyFramesError."""
        now = time.monotonic()
        self._left += (now - self._counted_at) * FRAMES_A_SECOND
        self._left, self._counted_at = min(self._left, MAX_FRAMES), now
        for event in self._connection.events():
            self._left -= 1
            if self._left < 0:
                raise TooManyFramesError
            yield event


class WebSocketServer(Server):  # type: ignore[misc] # simple_websocket has no types
    """The library's server; whatever ends its reading thread also ends the connection."""

    def handshake(self) -> None:
        super().handshake()
        connection: WSConnection = self.ws
        self.ws: Any = BoundedFrames(connection)

    def _thread(self) -> None:
        try:
            super()._thread()
        except TooManyFramesError:
            log.info("closing a WebSocket: the client sends too many frames")
            with contextlib.suppress(ConnectionClosed, OSError, LocalProtocolError):
                self.close(CloseReason.POLICY_VIOLATION, "too many frames")
            self._end()
        except Exception as error:
            log.error("closing a WebSocket after an error: %s", one_line(error))
            self._end()

    def _end(self) -> None:
        self.connected = False
        self.event.set()
        self.sock.close()
