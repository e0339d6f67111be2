"""The forms of an entry for programs; `plain.py` has the one for people, `page.py` the page's."""

import random
import struct

from ngw2f.live.entry import Entry, EntryId, Form

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
    length = len(text)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + text
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + text
    return struct.pack("!BBQ", 0x81, 127, length) + text


JSON_FORM = JSON()
SOCKETIO_PACKETS = SocketIOPackets()
SOCKETIO_FRAMES = SocketIOFrames()


def _retry() -> bytes:
    return b"retry: %d\n" % random.randint(*RETRY_MILLISECONDS)  # noqa: S311 # not a secret
