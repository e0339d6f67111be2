"""The packets of Engine.IO 4 and Socket.IO 5 that a client may send; all others are refused.

A client sends no packet to open a session and no ping to an open one, and none of our events takes
binary attachments.
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

SEPARATOR = "\x1e"
# The reference implementation accepts this many; its clients never send as many.
MAX_PACKETS = 16
# Greater integers are not exact in JavaScript.
MAX_ACK_ID = 2**53 - 1
# The answer for an unknown namespace repeats its name.
MAX_NAMESPACE = 256

CLOSE, PONG, MESSAGE = "1", "3", "4"
PROBE, UPGRADE = "2probe", "5"
CONNECT, DISCONNECT, EVENT, ACK, BINARY_EVENT, BINARY_ACK = "0", "1", "2", "3", "5", "6"

MESSAGE_START = re.compile(r"4[0-6]")
PACKET = re.compile(r"([0-6])(?:(/[^,]*)(?:,|\Z))?([0-9]{1,16})?(.*)\Z", re.DOTALL)


class BadPacketError(ValueError):
    """Not a packet, or none that a client may send; the message says why."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A Socket.IO packet."""

    kind: str
    namespace: str
    ack_id: int | None
    # CONNECT has an object or None, EVENT and ACK have a list.
    content: Any


def parse_payload(body: bytes) -> list[str]:
    """Return the Engine.IO packets of a POST. Raises BadPacketError unless all are valid."""
    try:
        packets = body.decode().split(SEPARATOR)
    except UnicodeDecodeError as error:
        raise BadPacketError("the payload is not UTF-8") from error
    if len(packets) > MAX_PACKETS:
        raise BadPacketError(f"there are more than {MAX_PACKETS} packets in the payload")
    for packet in packets:
        check_packet(packet)
        if packet.startswith(MESSAGE):
            parse_message(packet[1:])
    return packets


def check_packet(packet: str | bytes) -> None:
    """Raise BadPacketError unless it is an Engine.IO packet that a client may send."""
    if isinstance(packet, bytes) or packet.startswith("b"):
        raise BadPacketError("no event takes binary attachments")
    if packet not in (CLOSE, PONG) and not MESSAGE_START.match(packet):
        raise BadPacketError("a client sends packets of the types 1, 3 and 4")


def parse_message(text: str) -> Packet:
    """Return the Socket.IO packet in an Engine.IO message. Raises BadPacketError."""
    match = PACKET.match(text)
    if match is None:
        raise BadPacketError("the message is no Socket.IO packet")
    kind, path, ack_id, rest = match.groups()
    # Old clients send a query, which the reference implementation ignores.
    namespace = (path or "/").partition("?")[0]
    if len(namespace) > MAX_NAMESPACE:
        raise BadPacketError("the name of the namespace is too long")
    packet = Packet(kind, namespace, int(ack_id) if ack_id else None, _content(rest))
    _check(packet)
    return packet


def _content(text: str) -> Any:
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadPacketError(f"the packet's content is not JSON: {error}") from error


def _check(packet: Packet) -> None:
    """Raise BadPacketError unless the content fits the packet's kind."""
    kind, content = packet.kind, packet.content
    if kind in (BINARY_EVENT, BINARY_ACK):
        raise BadPacketError("no event takes binary attachments")
    if packet.ack_id is not None and (kind not in (EVENT, ACK) or packet.ack_id > MAX_ACK_ID):
        raise BadPacketError("the packet's id does not belong there")
    is_good = {
        CONNECT: content is None or isinstance(content, dict),
        DISCONNECT: content is None,
        EVENT: isinstance(content, list) and content and isinstance(content[0], str),
        ACK: isinstance(content, list) and packet.ack_id is not None,
    }
    if not is_good.get(kind):
        raise BadPacketError("the packet's content does not belong to its type")
