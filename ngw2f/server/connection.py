"""A client's connection as gunicorn's parser and its responses use it.

Once another protocol has taken it over, it is closed for HTTP for good: what an
application or a middleware still writes is dropped, and nothing that arrives is read as
a request (RFC 9110 section 7.8).
"""

import errno
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import gevent
import gevent.socket

from ngw2f.server.chunk_writer import ChunkWriter
from ngw2f.server.unsent import Unsent

# How long to wait for a client that does not read, plus a second for this many bytes. What reads
# requests sets it (`request_body.py`); `ngw2f/live/liveness.py` limits streams.
SEND_SECONDS = 30.0
SEND_BYTES_A_SECOND = 8 * 1024
# How long, and how much, a client may still send after its last answer.
LINGER_SECONDS = 5.0
SILENT_SECONDS = 2.0
LINGER_BYTES = 32 * 1024 * 1024
DISCARD_BYTES = 64 * 1024


class Connection:
    """One client's socket, until another protocol takes it over.

    It stands for the socket in the environ (`gunicorn.socket`). Whoever takes the connection
    over calls `switch_protocols` before the first byte that is not HTTP.
    """

    def __init__(
        self,
        sock: Any,
        wait_turn: Callable[[], None] = gevent.sleep,
        unsent: Unsent | None = None,
    ) -> None:
        self._socket = sock
        self._unsent = unsent or Unsent()
        # Long-running work calls it before each piece.
        self.wait_turn = wait_turn
        self._has_switched = False
        # Set by a response in chunks, while its body may write past it.
        self.writer: ChunkWriter | None = None
        # Set if the client may still be sending bytes that nobody will read.
        self.lingers = False
        # Returns the bytes that the parser has read and not used.
        self.take_buffered: Callable[[], bytes] = bytes
        # Bound methods, which save a call each time, and end with HTTP. The rest is looked up:
        # each bound method takes 64 bytes for as long as a client is connected.
        self.recv = sock.recv
        self.send = sock.send
        self.sendfile = sock.sendfile

    def fileno(self) -> int:
        number: int = self._socket.fileno()
        return number

    def getsockname(self) -> Any:
        return self._socket.getsockname()

    def gettimeout(self) -> float | None:
        seconds: float | None = self._socket.gettimeout()
        return seconds

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def setblocking(self, is_blocking: bool) -> None:
        self._socket.setblocking(is_blocking)

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    @property
    def has_switched(self) -> bool:
        """Say whether another protocol has taken it over."""
        return self._has_switched

    def open_writer(self, first: bytes = b"") -> ChunkWriter | None:
        """Return what writes chunks after the *first* from the event loop, None with TLS."""
        if type(self._socket) is gevent.socket.socket:
            self.writer = ChunkWriter(self.fileno(), first)
        return self.writer

    def switch_protocols(self) -> tuple[Any, bytes]:
        """Take it over; return the socket, and what arrived after the request's head."""
        self._has_switched = True
        self.recv = _has_ended
        self.send = self.sendfile = _refuse
        self._socket.settimeout(None)
        return self._socket, self.take_buffered()

    def send_long(self, content: bytes) -> None:
        """Send all of it, counted as unsent for this worker. Raises what `sendall` raises."""
        left = memoryview(content)[self.send(content) :]
        if left:
            with self._unsent.holding(len(content), self._cut_off) as note_progress:
                self.sendall(left, note_progress)

    def sendall(
        self, content: bytes | memoryview, note_progress: Callable[[], None] | None = None
    ) -> None:
        """Send all of it. Raises TimeoutError if the client does not read, or reads too slowly."""
        left = memoryview(content)
        deadline = time.monotonic() + SEND_SECONDS + len(left) / SEND_BYTES_A_SECOND
        while left:
            left = left[self.send(left) :]
            if note_progress:
                note_progress()
            if left and time.monotonic() > deadline:
                raise TimeoutError("the client reads too slowly")

    def _cut_off(self) -> None:
        """Shut the socket down, so that the sender finds the client gone."""
        # By a duplicate: with TLS, gevent's socket would drop the TLS state under the sender.
        with suppress(OSError), socket.socket(fileno=os.dup(self.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it, in the way of RFC 9112 section 9.6 if the client may still be sending.

        If bytes arrived after the close, the kernel would reset the connection, and the client
        might lose its answer.
        """
        try:
            if self.lingers and not self._has_switched:
                self._linger()
        finally:
            self._socket.close()

    def _linger(self) -> None:
        deadline = time.monotonic() + LINGER_SECONDS
        left = LINGER_BYTES
        # The connection ends in any case.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while left > 0 and (seconds := deadline - time.monotonic()) > 0:
                self._socket.settimeout(min(seconds, SILENT_SECONDS))
                discarded = len(self._socket.recv(DISCARD_BYTES))
                if not discarded:
                    return
                left -= discarded
                gevent.sleep(0)


def _has_ended(_size: int) -> bytes:
    return b""


def _refuse(*_arguments: object, **_options: object) -> NoReturn:
    """Raise the error on which gunicorn ends the connection silently."""
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
