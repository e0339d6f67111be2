import json
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile import live
from ngw2f.socketio.packets import (
    CONNECT,
    EVENT,
    MAX_ACK_ID,
    MAX_PACKETS,
    BadPacketError,
    Packet,
    attach,
    check_packet,
    encode,
    pack,
    parse_message,
    parse_payload,
)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet("0", "/", None, None)),
        ('0{"token":"x"}', Packet("0", "/", None, {"token": "x"})),
        ("0/admin,", Packet("0", "/admin", None, None)),
        ("0/admin?a=b,{}", Packet("0", "/admin", None, {})),
        ("1", Packet("1", "/", None, None)),
        ("1/admin,", Packet("1", "/admin", None, None)),
        ('2["typing"]', Packet("2", "/", None, ["typing"])),
        ('212["typing",{}]', Packet("2", "/", 12, ["typing", {}])),
        ('2/admin,12["typing"]', Packet("2", "/admin", 12, ["typing"])),
        ("31[]", Packet("3", "/", 1, [])),
    ],
)
def test_packets_of_the_protocol(text: str, packet: Packet) -> None:
    assert parse_message(text) == packet


def test_ids_are_exact() -> None:
    assert parse_message(f'2{MAX_ACK_ID}["x"]').ack_id == MAX_ACK_ID
    with pytest.raises(BadPacketError):
        parse_message(f'2{MAX_ACK_ID + 1}["x"]')


@pytest.mark.parametrize("count", [1, MAX_PACKETS])
def test_payload_of_several_packets(count: int) -> None:
    assert parse_payload(b"\x1e".join([b'42["typing"]'] * count)) == ['42["typing"]'] * count


@given(st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_any_payload_is_understood_or_refused(body: bytes) -> None:
    with suppress(BadPacketError):
        for packet in parse_payload(body):
            check_packet(packet)


@given(st.sampled_from("0123456"), st.text(max_size=50))
@settings(max_examples=500, deadline=None)
def test_any_message_is_understood_or_refused(kind: str, rest: str) -> None:
    with suppress(BadPacketError):
        assert parse_message(kind + rest).kind == kind


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=20))
@settings(max_examples=300, deadline=None)
def test_events_have_a_name(content: object) -> None:
    is_event = isinstance(content, list) and content and isinstance(content[0], str)
    try:
        assert parse_message(EVENT + json.dumps(content)).content == content
        assert is_event
    except BadPacketError:
        assert not is_event


def test_made_up_packets_are_understood_or_refused() -> None:
    random_ = random.Random(1)
    refused = 0
    for _ in range(20_000):
        packet = live.packet(random_)
        try:
            check_packet(packet)
            if packet.startswith("4"):
                parse_message(packet[1:])
        except BadPacketError:
            refused += 1
    assert 2_000 < refused < 18_000


def test_connection_has_an_object_or_nothing() -> None:
    for content in ("[]", "5", '"x"', "true"):
        with pytest.raises(BadPacketError):
            parse_message(CONNECT + content)


@pytest.mark.parametrize(
    "content",
    [["x"], ["x", b""], ["x", b"ab", {"y": [b"c", 1, None]}], ["x", {"a": {"b": b"d"}}]],
    ids=str,
)
def test_attachments_come_back(content: list[object]) -> None:
    text, *attachments = encode(EVENT, "/custom", content, 7)
    packet = parse_message(text)  # type: ignore[arg-type] # The first is text.
    assert (packet.kind, packet.namespace, packet.ack_id) == (EVENT, "/custom", 7)
    assert packet.attachments == len(attachments)
    assert attach(packet.content, attachments) == content  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [-1, 1, "0", None, True, 1.0])
def test_place_of_no_attachment_is_refused(number: object) -> None:
    with pytest.raises(BadPacketError):
        attach(["x", {"_placeholder": True, "num": number}], [b"a"])


@pytest.mark.parametrize("text", ["50-", '50-["x"]', '51["x"]', '5-["x"]', '599999-["x"]'])
def test_number_of_attachments_is_one_or_more(text: str) -> None:
    with pytest.raises(BadPacketError):
        parse_message(text)


@pytest.mark.parametrize("message", ["hello", "", b"\0\xff"], ids=repr)
def test_payload_has_what_was_packed(message: str | bytes) -> None:
    (packet,) = parse_payload(pack(message).encode())
    assert packet == (message if isinstance(message, bytes) else f"4{message}")


@pytest.mark.parametrize("packet", [b"b!", b"bA", b"b====", b"bAA==x"])
def test_attachment_that_is_not_base64_is_refused(packet: bytes) -> None:
    with pytest.raises(BadPacketError):
        parse_payload(packet)
