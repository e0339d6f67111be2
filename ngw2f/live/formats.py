"""The forms of an entry for programs; `plain.py` has the one for people, `page.py` the page's."""

import random
import struct
import zlib

from ngw2f.live.entry import Entry, EntryId, Form

# WebSocket frames are compressed as long as this, with these windows and this memory: events
# are short, and a smaller table is sooner cleared.
MIN_DEFLATED_BYTES = 128
WINDOW_BITS, SMALL_WINDOW_BITS = 12, 9
DEFLATE_LEVEL, DEFLATE_MEMORY = 6, 5
TEXT_FRAME, DEFLATED_FRAME = 0x81, 0xC1

# How long clients wait before they reconnect: a random time, so that not all come at once.
RETRY_MILLISECONDS = (200, 1_200)


class ServerSentEvents(Form):
    """`text/event-stream` (HTML, section "Server-sent events")."""

    name = "sse"
    # A comment, without an empty line after it, which some clients would take for an event.
    heartbeat = b":\n"

    def frame(self, entry: Entry) -> bytes:
        values = (*entry.id, entry.name.encode(), self.data_of(entry))
        return b"id: %d-%d\nevent: %s\ndata: %s\n\n" % values

    def data_of(self, entry: Entry) -> bytes:
        return entry.data

    def greeting(self, position: EntryId) -> bytes:
        # Without data it is not an event, but a client that is disconnected before its first
        # event comes back with this id.
        return _retry() + self.checkpoint(position)

    def checkpoint(self, position: EntryId) -> bytes:
        return b"id: %s\n\n" % str(position).encode()

    def farewell(self) -> bytes:
        return _retry() + b"\n"


class JSON(Form):
    """The object that every transport but SSE sends."""

    name = "json"

    def frame(self, entry: Entry) -> bytes:
        return object_of(entry, entry.data)


class JSONLines(Form):
    """`application/x-ndjson`: one object per line."""

    name = "ndjson"
    # A space before the next line's object, which JSON parsers ignore.
    heartbeat = b" "

    def frame(self, entry: Entry) -> bytes:
        return entry.frame(JSON_FORM) + b"\n"


class WebSocketFrames(Form):
    """The object in a WebSocket text frame, as a server sends it (RFC 6455 section 5.2)."""

    name = "websocket"
    # A ping without content (section 5.5.2).
    heartbeat = b"\x89\x00"

    def frame(self, entry: Entry) -> bytes:
        return text_frame(entry.frame(JSON_FORM))


class DeflatedFrames(WebSocketFrames):
    """The same frame, compressed (RFC 7692).

    Without context takeover it serves every client with a window that is large enough.
    """

    counted_as = WebSocketFrames.name

    def __init__(self, window_bits: int | None = None) -> None:
        self._bits = deflate_bits(window_bits)
        self.name = f"websocket deflate {self._bits}"

    def frame(self, entry: Entry) -> bytes:
        return deflated_frame(entry.frame(JSON_FORM), self._bits)


class SocketIOPackets(Form):
    """Socket.IO's EVENT packets, as Engine.IO sends them to a poll, each followed by a separator.

    The last value of each is its id: clients return it as the offset after which they continue.
    """

    name = "socketio"
    separator = b"\x1e"

    def frame(self, entry: Entry) -> bytes:
        kind = entry.name.partition(".")[0].capitalize()
        pattern = b'42["updated_model",{"class":"%s","model":%s,"event":"%s","id":"%d-%d"},"%d-%d"]'
        values = (kind.encode(), entry.data, entry.name.encode(), *entry.id, *entry.id)
        return pattern % values + self.separator

    def resync(self, position: EntryId) -> bytes:
        # The position may be before all ids, which is written as the first one.
        place = str(position).encode()
        return b'42["resync",{"id":"%s"},"%s"]' % (place, place) + self.separator


class SocketIOFrames(Form):
    """The same packets as WebSocket text frames."""

    name = "socketio frames"
    counted_as = SocketIOPackets.name

    def frame(self, entry: Entry) -> bytes:
        return self._framed(entry.frame(SOCKETIO_PACKETS))

    def resync(self, position: EntryId) -> bytes:
        return self._framed(SOCKETIO_PACKETS.resync(position))

    def _framed(self, packet: bytes) -> bytes:
        return text_frame(packet.removesuffix(SocketIOPackets.separator))


def object_of(entry: Entry, data: bytes) -> bytes:
    """Return the JSON object of an event, with *data* as its data."""
    return b'{"id":"%d-%d","event":"%s","data":%s}' % (*entry.id, entry.name.encode(), data)


def text_frame(text: bytes) -> bytes:
    """Return one text frame, neither fragmented nor masked."""
    return _frame(TEXT_FRAME, text)


def deflated_frame(text: bytes, window_bits: int | None = None) -> bytes:
    """Return one text frame, compressed if that makes it shorter.

    *window_bits*: the greatest window that the client has, as an exponent of 2.
    """
    if len(text) < MIN_DEFLATED_BYTES:
        return text_frame(text)
    bits = deflate_bits(window_bits)
    compressor = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -bits, DEFLATE_MEMORY)
    compressed = compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)
    # Section 7.2.1: the end of a flush is the same for all messages, so it is left out.
    content = compressed[:-4]
    return _frame(DEFLATED_FRAME, content) if len(content) < len(text) else text_frame(text)


def deflate_bits(window_bits: int | None) -> int:
    """Return the window to compress with, one of two, so that most clients share frames."""
    is_small = window_bits is not None and window_bits < WINDOW_BITS
    return SMALL_WINDOW_BITS if is_small else WINDOW_BITS


def _frame(first: int, content: bytes) -> bytes:
    length = len(content)
    if length < 126:
        return struct.pack("!BB", first, length) + content
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length) + content
    return struct.pack("!BBQ", first, 127, length) + content


JSON_FORM = JSON()
SOCKETIO_PACKETS = SocketIOPackets()
SOCKETIO_FRAMES = SocketIOFrames()


def _retry() -> bytes:
    return b"retry: %d\n" % random.randint(*RETRY_MILLISECONDS)  # noqa: S311 # not a secret
