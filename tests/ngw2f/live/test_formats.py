import json
import random
from collections.abc import Iterator
from typing import Any, cast

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from ngw2f.live.entry import Entry, EntryId, Form
from ngw2f.live.formats import (
    JSON,
    MIN_DEFLATED_BYTES,
    SMALL_WINDOW_BITS,
    WINDOW_BITS,
    DeflatedFrames,
    JSONLines,
    ServerSentEvents,
    SocketIOFrames,
    SocketIOPackets,
    WebSocketFrames,
    deflated_frame,
    text_frame,
)
from ngw2f.live.plain import PlainText

ENTRY = Entry(EntryId(7, 1), "message.created", b'{"id":3}', 1)
NO_DATABASE: Any = None
OBJECT = {"id": "7-1", "event": "message.created", "data": {"id": 3}}


def test_sse_has_id_event_data() -> None:
    frame = ServerSentEvents().frame(ENTRY)
    assert frame == b'id: 7-1\nevent: message.created\ndata: {"id":3}\n\n'


def test_sse_greeting_is_no_event_but_an_id() -> None:
    lines = ServerSentEvents().greeting(EntryId(7)).decode().split("\n")
    assert lines[0].startswith("retry: ")
    assert lines[1:] == ["id: 7-0", "", ""]


def test_sse_greeting_of_who_has_nothing_is_an_id() -> None:
    assert b"id: 0-0\n" in ServerSentEvents().greeting(EntryId(0, -1))


@pytest.mark.parametrize("form", [ServerSentEvents(), JSONLines(), PlainText(NO_DATABASE)])
def test_streams_have_first_bytes_that_take_the_head_along(form: Form) -> None:
    assert form.greeting(EntryId(7))


def test_sse_farewell_tells_when_to_come_back() -> None:
    assert ServerSentEvents().farewell().startswith(b"retry: ")


def test_sse_heartbeat_is_a_comment() -> None:
    assert ServerSentEvents.heartbeat == b":\n"


def test_json_is_the_object() -> None:
    assert json.loads(JSON().frame(ENTRY)) == OBJECT


def test_json_lines_survive_heartbeats() -> None:
    form = JSONLines()
    lines = (form.heartbeat + form.frame(ENTRY) + form.heartbeat * 2).splitlines()
    assert json.loads(lines[0]) == OBJECT


def test_resync_is_an_event() -> None:
    assert json.loads(JSONLines().resync(EntryId(9))) == {
        "id": "9-0", "event": "resync", "data": {},
    }  # fmt: skip


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_text_frames_are_what_wsproto_reads(length: int) -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(text_frame(b"x" * length))
    told = cast(Iterator[TextMessage], client.events())
    assert "".join(event.data for event in told) == "x" * length


def test_websocket_heartbeat_is_a_ping() -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(WebSocketFrames.heartbeat + WebSocketFrames().frame(ENTRY))
    ping, message = client.events()
    assert isinstance(ping, Ping)
    assert isinstance(message, TextMessage)
    assert json.loads(message.data) == OBJECT


LONG = Entry(EntryId(8), "message.created", b'{"source":"%s"}' % (b"say " * 400), 1)


@pytest.mark.parametrize("bits", [None, 9, 11, 12, 15])
def test_deflated_frame_is_what_wsproto_reads(bits: int | None) -> None:
    client = Connection(ConnectionType.CLIENT, [client_deflate(bits)])
    frame = DeflatedFrames(bits).frame(LONG)
    assert len(frame) < len(LONG.data) / 4
    # RFC 7692 section 7.2.1.
    assert not frame.endswith(b"\0\0\xff\xff")
    # The same frame again: it refers to nothing before it.
    client.receive_data(frame * 2)
    told = cast(Iterator[TextMessage], client.events())
    assert (
        json.loads("[" + "".join(event.data for event in told).replace("}{", "},{") + "]")
        == [{"id": "8-0", "event": "message.created", "data": json.loads(LONG.data)}] * 2
    )


def client_deflate(bits: int | None) -> PerMessageDeflate:
    deflate = PerMessageDeflate()
    answer = "" if bits is None else f"; server_max_window_bits={bits}"
    deflate.finalize(f"permessage-deflate; server_no_context_takeover{answer}")
    return deflate


def test_window_is_as_large_as_the_client_allows() -> None:
    # The second half is found again only in a window that reaches back to the first one.
    half = random.Random(7).randbytes(1_000).hex().encode()
    sizes = {bits: len(deflated_frame(half * 2, bits)) for bits in (9, 10, 12, 15, None)}
    assert sizes[None] == sizes[15] == sizes[12] < sizes[10] == sizes[9]
    assert (SMALL_WINDOW_BITS, WINDOW_BITS) == (9, 12)


def test_entry_is_compressed_once() -> None:
    assert LONG.frame(DeflatedFrames()) is LONG.frame(DeflatedFrames(15))
    assert LONG.frame(DeflatedFrames()) is not LONG.frame(DeflatedFrames(9))


@pytest.mark.parametrize("text", [b"x" * (MIN_DEFLATED_BYTES - 1), random.Random(7).randbytes(500)])
def test_what_compression_does_not_shorten_is_sent_as_it_is(text: bytes) -> None:
    assert deflated_frame(text) == text_frame(text)


def test_deflated_frames_count_as_websocket() -> None:
    assert DeflatedFrames().counted_as == WebSocketFrames.name


def test_socketio_packet_is_an_event() -> None:
    packet = SocketIOPackets().frame(ENTRY).removesuffix(SocketIOPackets.separator)
    name, update, offset = json.loads(packet.removeprefix(b"42"))
    assert name == "updated_model"
    assert update == {
        "class": "Message", "model": {"id": 3}, "event": "message.created", "id": "7-1",
    }  # fmt: skip
    # Clients of Socket.IO take the last value, a string, for the offset to come back with.
    assert offset == "7-1"


@pytest.mark.parametrize("position", [EntryId(7, 1), EntryId(0, -1)])
def test_socketio_resync_has_an_offset(position: EntryId) -> None:
    packet = SocketIOPackets().resync(position).removesuffix(SocketIOPackets.separator)
    assert json.loads(packet.removeprefix(b"42")) == [
        "resync",
        {"id": str(position)},
        str(position),
    ]


def test_socketio_frames_have_the_packets() -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(SocketIOFrames().frame(ENTRY) + SocketIOFrames().resync(EntryId(9)))
    told = cast(Iterator[TextMessage], client.events())
    form = SocketIOPackets()
    packets = form.frame(ENTRY) + form.resync(EntryId(9))
    assert [event.data for event in told] == packets.decode().split("\x1e")[:-1]
