import json
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile import live
from ngw2f.web.packets import (
    CONNECT,
    EVENT,
    MAX_ACK_ID,
    MAX_PACKETS,
    BadPacketError,
    Packet,
    check_packet,
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
