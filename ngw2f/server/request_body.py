"""Read a request from its connection in bounded time, with bounded framing, and fairly.

gunicorn waits for a body for as long as the client likes, takes 30 µs and more for each
chunk of a byte, and gives nobody else a turn while bytes arrive.
"""

import math
import re
import time
from collections.abc import Callable
from typing import Any

import gevent
from gunicorn.http.body import CHUNK_EXT_RE
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    LimitRequestHeaders,
    NoMoreData,
    ParseException,
)
from gunicorn.http.unreader import SocketUnreader
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

from ngw2f.server.connection import SEND_SECONDS

# nginx accepts 32 kB, so no honest client sends a longer head.
MAX_HEAD_BYTES = 48 * 1024
# The time for a whole body, plus a second for this many bytes; and the longest silence.
BODY_SECONDS = 30.0
BODY_BYTES_A_SECOND = 16 * 1024
SILENT_SECONDS = 10.0
# After this many reads the client sends in small pieces: let them gather for this long.
QUICK_READS = 4
PAUSE_SECONDS = 0.002

# A chunk's size and its extensions; the trailer section.
MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 8 * 1024
# Framing may take this much and the size of the content: a few thousand chunks of a byte.
MAX_FRAMING_BYTES = 8 * 1024
# Read what may be framing in pieces of this size, as framing costs more than content.
FRAMING_READ_BYTES = 2 * 1024
SIZE_RE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class PacedUnreader(SocketUnreader):  # type: ignore[misc] # gunicorn has no types
    """What gunicorn's parser and the bodies read from; the rest belongs to the next request."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        # Sends 100 Continue, for which a client may wait (RFC 9110 section 10.1.1).
        self.invite: Callable[[], None] | None = None
        self.begin_head()

    def begin_head(self) -> None:
        """Start to count for a head, whose time the worker limits."""
        self._reads = self._received = 0
        self._began_at: float | None = None
        self.invite = None
        self.sock.settimeout(None)

    def begin_body(self) -> None:
        """Start to count for a body."""
        self._reads = self._received = 0
        self._began_at = time.monotonic()
        self.sock.settimeout(SEND_SECONDS)

    @property
    def has_begun(self) -> bool:
        """Say whether anything of the next request has arrived."""
        return self._received > 0 or self.has_more

    @property
    def has_more(self) -> bool:
        """Say whether the buffer holds anything."""
        return bool(self.buf.getbuffer().nbytes)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes. Raises 408, and LimitRequestHeaders for a head."""
        self._reads += 1
        if self._reads > 1:
            if self._reads > QUICK_READS:
                gevent.sleep(PAUSE_SECONDS)
            self.sock.wait_turn()
        if self._began_at is None:
            received: bytes = self.sock.recv(self.mxchunk)
        else:
            received = self._receive_body(size_hint, self._began_at)
        self._received += len(received)
        if self._began_at is None and self._received > MAX_HEAD_BYTES:
            raise LimitRequestHeaders("the head is too long")
        return received

    def _receive_body(self, size_hint: int | None, began_at: float) -> bytes:
        if self.invite is not None:
            invite, self.invite = self.invite, None
            invite()
        allowed = BODY_SECONDS + self._received / BODY_BYTES_A_SECOND
        left = began_at + allowed - time.monotonic()
        if left <= 0:
            raise RequestTimeout("the body came too slowly")
        self.sock.settimeout(min(left, SILENT_SECONDS))
        size = min(max(size_hint or 0, FRAMING_READ_BYTES), self.max_body_chunk)
        try:
            received: bytes = self.sock.recv(size)
        except TimeoutError:
            raise RequestTimeout("the body did not come") from None
        finally:
            self.sock.settimeout(SEND_SECONDS)
        return received


class ChunkedReader:
    """A body in chunks (RFC 9112 section 7.1), with bounded framing and so a bounded cost.

    The trailer section is checked like a head, and dropped.
    """

    def __init__(self, request: Any, unreader: PacedUnreader) -> None:
        self._request = request
        self._unreader = unreader
        self._buffer = bytearray()
        self._position = 0
        # The rest of the current chunk; None before the first one.
        self._chunk_left: int | None = None
        self._content = self._framing = 0
        self.has_ended = False

    @property
    def length(self) -> float:
        """Return how many bytes are left: infinity, until the end is known."""
        return 0 if self.has_ended else math.inf

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer if the body ends. Raises 400, 408, 413."""
        try:
            return self._read(size)
        except (ParseException, NoMoreData) as error:
            raise BadRequest("the body is not in chunks as RFC 9112 has them") from error

    def _read(self, size: int) -> bytes:
        pieces = []
        while size > 0 and not self.has_ended:
            if not self._chunk_left:
                self._begin_chunk()
                continue
            if self._position == len(self._buffer):
                self._receive(self._chunk_left)
            end = self._position + min(size, self._chunk_left)
            piece = bytes(self._buffer[self._position : end])
            pieces.append(piece)
            self._position += len(piece)
            self._content += len(piece)
            self._chunk_left -= len(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _begin_chunk(self) -> None:
        if self._chunk_left == 0 and self._line(2) != b"":
            raise ChunkMissingTerminator(b"")
        self._chunk_left = _size_of(self._line(MAX_LINE_BYTES))
        if self._chunk_left == 0:
            self._read_trailers()
            self._end()

    def _line(self, limit: int) -> bytes:
        """Return the next line without its end."""
        while (end := self._buffer.find(b"\r\n", self._position)) < 0:
            if len(self._buffer) - self._position >= limit:
                raise InvalidChunkSize(b"")
            self._receive()
        line = bytes(self._buffer[self._position : end])
        if len(line) > limit:
            raise InvalidChunkSize(b"")
        self._take(end + 2)
        return line

    def _read_trailers(self) -> None:
        while not self._buffer.startswith(b"\r\n", self._position):
            end = self._buffer.find(b"\r\n\r\n", self._position)
            if end >= 0:
                fields = bytes(self._buffer[self._position : end])
                self._take(end + 4)
                self._request.parse_headers(fields, from_trailer=True)
                return
            if len(self._buffer) - self._position > MAX_TRAILER_BYTES:
                raise LimitRequestHeaders("the trailer section is too long")
            self._receive()
        self._take(self._position + 2)

    def _take(self, position: int) -> None:
        """Skip framing up to *position*."""
        self._framing += position - self._position
        self._position = position
        if self._framing > MAX_FRAMING_BYTES + self._content:
            raise RequestEntityTooLarge("the chunks are too small, or say too much")

    def _receive(self, read_ahead: int | None = None) -> None:
        received = self._unreader.read(None, read_ahead=read_ahead)
        if not received:
            raise NoMoreData(b"")
        self._buffer = self._buffer[self._position :] + received
        self._position = 0

    def _end(self) -> None:
        self.has_ended = True
        self._unreader.unread(bytes(self._buffer[self._position :]))


def _size_of(line: bytes) -> int:
    """Return a chunk's size. Errors quote none of the client's bytes."""
    size, semicolon, extension = line.partition(b";")
    if semicolon:
        size = size.rstrip(b" \t")
    if not SIZE_RE.fullmatch(size):
        raise InvalidChunkSize(b"")
    if semicolon and not CHUNK_EXT_RE.fullmatch(b";" + extension):
        raise InvalidChunkExtension("it is malformed")
    return int(size, 16)
