"""Writes what a subscription has for its client, from the event loop.

A greenlet for each client would wait nearly always, and costs more memory than all the rest of
the client. So the loop itself writes as much as the socket takes at once; a greenlet does the
rest: what waits for a slow client, for the database, or for the end.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import gevent

from ngw2f.socketio.layers import Source
from ngw2f.web.errors import one_line
from ngw2f.web.upgrade import CLOSE_SECONDS, FrameSocket

Chunk = bytes | memoryview
Send = Callable[[Any], object]

log = logging.getLogger(__name__)


class Writer:
    """Stands for the waiter of a subscription: the loop switches to it when there may be more."""

    __slots__ = ("_close", "_first", "_greenlet", "_is_over", "_socket", "_subscription")

    def __init__(self, subscription: Source, sock: FrameSocket, close: Callable[[], None]) -> None:
        """*close* sends the last frame, when the subscription has ended."""
        self._subscription = subscription
        self._socket = sock
        self._close = close
        self._greenlet: gevent.Greenlet | None = None
        # What the greenlet begins with.
        self._first: tuple[Send, Chunk] | None = None
        self._is_over = False
        subscription.waiter = self
        subscription.wake()

    def switch(self, _value: object) -> None:
        """Write what there is. Called by the event loop, so it never waits."""
        if self._greenlet is not None or self._is_over:
            return  # The greenlet looks again before it ends.
        try:
            self._write_at_once()
        except Exception as error:
            self._fail(error)

    def finish(self) -> None:
        """Write what the transport has said, for a moment; then no more."""
        self._is_over = True
        with contextlib.suppress(OSError), gevent.Timeout(CLOSE_SECONDS, False):
            if self._greenlet is not None:
                self._greenlet.join()
            if said := self._subscription.take_said():
                self._socket.send(said)

    def _write_at_once(self) -> None:
        while not self._subscription.may_query and (chunk := self._subscription.poll()) is not None:
            if not chunk:
                return
            rest = self._socket.try_send(chunk)
            if rest is None:
                self._spawn((self._socket.send, chunk))
                return
            if rest:
                self._spawn((self._socket.send_rest, rest))
                return
        self._spawn()

    def _spawn(self, first: tuple[Send, Chunk] | None = None) -> None:
        self._first = first
        self._greenlet = gevent.spawn(self._write)
        # If the client does not read, this is what is killed.
        self._subscription.greenlet = self._greenlet

    def _write(self) -> None:
        """Write until there is nothing left to write."""
        try:
            self._write_first()
            while not self._is_over and (more := self._subscription.poll()) != b"":
                if more is None:
                    self._end()
                else:
                    self._socket.send(more)
        except Exception as error:
            self._fail(error)
        self._greenlet = None

    def _write_first(self) -> None:
        # Not kept any longer: a thousand slow clients would keep a thousand old chunks.
        first, self._first = self._first, None
        if first:
            send, chunk = first
            send(chunk)

    def _end(self) -> None:
        self._is_over = True
        self._close()
        self._socket.send(self._subscription.take_said())
        gevent.sleep(CLOSE_SECONDS)
        # This ends the reading.
        self._socket.close()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, OSError):
            log.error("closing a WebSocket after an error: %s", one_line(error))
        # Otherwise the client has gone, which the reading greenlet notices too.
        self._is_over = True
        self._socket.close()
