"""Engine.IO's and Socket.IO's packets, as far as a client may send them; all else is refused.

Of the protocols' current versions (Engine.IO 4, Socket.IO 5). A client never opens a session,
never pings one that is open, and has no event of ours that takes binary attachments.
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

SEPARATOR = "\x1e"
# As many as the reference's clients put into one body, and more than they ever do.
MAX_PACKETS = 16
# Above that, JavaScript's numbers are no longer exact.
MAX_ACK_ID = 2**53 - 1
# A namespace comes back in the answer that there is none.
MAX_NAMESPACE = 256

CLOSE, PONG, MESSAGE = "1", "3", "4"
PROBE, UPGRADE = "2probe", "5"
CONNECT, DISCONNECT, EVENT, ACK, BINARY_EVENT, BINARY_ACK = "0", "1", "2", "3", "5", "6"

MESSAGE_START = re.compile(r"4[0-6]")
PACKET = re.compile(r"([0-6])(?:(/[^,]*)(?:,|\Z))?([0-9]{1,16})?(.*)\Z", re.DOTALL)


class BadPacketError(ValueError):
    """What came is no packet, or none that a client may send; the message says why."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One of Socket.IO's packets."""

    kind: str
    namespace: str
    ack_id: int | None
    # Of CONNECT an object or None, of EVENT and ACK a list.
    content: Any


def parse_payload(body: bytes) -> list[str]:
    """Return the Engine.IO packets of a POST, every one of which is good.

    Raises BadPacketError.
    """
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
    """Return the Socket.IO packet that an Engine.IO message has. Raises BadPacketError."""
    match = PACKET.match(text)
    if match is None:
        raise BadPacketError("the message is no Socket.IO packet")
    kind, path, ack_id, rest = match.groups()
    # The reference leaves out a query, which old clients send.
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
    """Raise BadPacketError for content that does not belong to the packet's kind."""
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
