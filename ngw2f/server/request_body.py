"""How a request is read from its connection: in bounded time, at a pace, within bounds.

gunicorn waits for a body for as long as its client likes, takes 30 µs and more for each
chunk of a byte, and lets nobody else have a turn while bytes come.
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

# nginx takes 32 kB; a longer head is nobody's.
MAX_HEAD_BYTES = 48 * 1024
# A body has so long in all, and a second more for so many bytes; between two reads this long.
BODY_SECONDS = 30.0
BODY_BYTES_A_SECOND = 16 * 1024
SILENT_SECONDS = 10.0
# Who needs more reads than these sends in small pieces: they gather for so long.
QUICK_READS = 4
PAUSE_SECONDS = 0.002

# A chunk's size and its extensions; the trailer section.
MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 8 * 1024
# Framing may be so much, and as much as the content: some thousand chunks of a byte.
MAX_FRAMING_BYTES = 8 * 1024
# So much is read at once of what may be framing, which costs more than content.
FRAMING_READ_BYTES = 2 * 1024
SIZE_RE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class PacedUnreader(SocketUnreader):  # type: ignore[misc] # gunicorn has no types
    """What gunicorn's parser and the bodies read from; what is left is the next request's."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        # What a client waits for before it sends a body (RFC 9110 section 10.1.1).
        self.invite: Callable[[], None] | None = None
        self.begin_head()

    def begin_head(self) -> None:
        """Count anew: a request's head comes. Its time is the worker's to limit."""
        self._reads = self._received = 0
        self._began_at: float | None = None
        self.invite = None
        self.sock.settimeout(None)

    def begin_body(self) -> None:
        """Count anew: what comes now is a body."""
        self._reads = self._received = 0
        self._began_at = time.monotonic()
        self.sock.settimeout(SEND_SECONDS)

    @property
    def has_begun(self) -> bool:
        """Say whether something has come, or is left."""
        return self._received > 0 or self.has_more

    @property
    def has_more(self) -> bool:
        """Say whether something is left."""
        return bool(self.buf.getbuffer().nbytes)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what has come next. Raises 408, and LimitRequestHeaders for a head."""
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
    """A body in chunks (RFC 9112 section 7.1). What frames it is bounded, and so is its cost.

    The trailer section is checked as a head is, and left out.
    """

    def __init__(self, request: Any, unreader: PacedUnreader) -> None:
        self._request = request
        self._unreader = unreader
        self._buffer = bytearray()
        self._position = 0
        # What is left of a chunk: None before the first one.
        self._chunk_left: int | None = None
        self._content = self._framing = 0
        self.has_ended = False

    @property
    def length(self) -> float:
        """Return how many bytes are left: nobody knows before the end."""
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
        """Move on over what frames the content."""
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
    """Return a chunk's size. What is raised has no bytes of the client's in it."""
    size, semicolon, extension = line.partition(b";")
    if semicolon:
        size = size.rstrip(b" \t")
    if not SIZE_RE.fullmatch(size):
        raise InvalidChunkSize(b"")
    if semicolon and not CHUNK_EXT_RE.fullmatch(b";" + extension):
        raise InvalidChunkExtension("it is malformed")
    return int(size, 16)
