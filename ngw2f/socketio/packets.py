"""The packets of Engine.IO 4 and Socket.IO 5 that a client may send; all others are refused.

A client sends no packet to open a session and no ping to an open one.
"""

import re
from base64 import b64decode, b64encode
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

OPEN, CLOSE, PING, PONG, MESSAGE, NOOP = "0", "1", "2", "3", "4", "6"
PROBE, PROBED, UPGRADE = "2probe", "3probe", "5"
CONNECT, DISCONNECT, EVENT, ACK, ERROR, BINARY_EVENT, BINARY_ACK = "0123456"
# Which kind a packet with attachments is without them.
PLAIN = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}
BINARY = {plain: binary for binary, plain in PLAIN.items()}
# How an attachment's place is marked in a packet's content.
PLACE, NUMBER = "_placeholder", "num"

PACKET = re.compile(
    r"(?:([0-4])|([56])([1-9][0-9]{0,3})-)(?:(/[^,]*)(?:,|\Z))?([0-9]{1,16})?(.*)\Z", re.DOTALL
)

# What Engine.IO carries: text, or the bytes of an attachment.
Message = str | bytes


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
    # How many attachments follow, each of which has a place in the content.
    attachments: int = 0


def parse_payload(body: bytes) -> list[str | bytes]:
    """Return the Engine.IO packets of a POST, attachments as bytes. Raises BadPacketError."""
    try:
        packets = body.decode().split(SEPARATOR)
    except UnicodeDecodeError as error:
        raise BadPacketError("the payload is not UTF-8") from error
    if len(packets) > MAX_PACKETS:
        raise BadPacketError(f"there are more than {MAX_PACKETS} packets in the payload")
    return [_unpack(packet) for packet in packets]


def check_packet(packet: str | bytes) -> None:
    """Raise BadPacketError unless it is an Engine.IO packet that a client may send."""
    if isinstance(packet, str) and packet not in (CLOSE, PONG) and packet[:1] != MESSAGE:
        raise BadPacketError("a client sends packets of the types 1, 3 and 4")


def pack(message: Message) -> str:
    """Return a message as a packet of a payload."""
    return MESSAGE + message if isinstance(message, str) else "b" + b64encode(message).decode()


def parse_message(text: str) -> Packet:
    """Return the Socket.IO packet in an Engine.IO message. Raises BadPacketError."""
    match = PACKET.match(text)
    if match is None:
        raise BadPacketError("the message is not a Socket.IO packet")
    kind, binary, count, path, ack_id, rest = match.groups()
    # Old clients send a query, which the reference implementation ignores.
    namespace = (path or "/").partition("?")[0]
    if len(namespace) > MAX_NAMESPACE:
        raise BadPacketError("the name of the namespace is too long")
    number = int(ack_id) if ack_id else None
    packet = Packet(kind or PLAIN[binary], namespace, number, _content(rest), int(count or 0))
    _check(packet)
    return packet


def attach(content: Any, attachments: list[bytes]) -> Any:
    """Return the content with the attachments in their places. Raises BadPacketError."""
    if isinstance(content, list):
        return [attach(each, attachments) for each in content]
    if not isinstance(content, dict):
        return content
    if not content.get(PLACE):
        return {name: attach(each, attachments) for name, each in content.items()}
    number = content.get(NUMBER)
    if type(number) is not int or not 0 <= number < len(attachments):
        raise BadPacketError("there is no such attachment")
    return attachments[number]


def encode(kind: str, namespace: str, content: Any, ack_id: int | None = None) -> list[Message]:
    """Return a Socket.IO packet as messages: its text, and its attachments."""
    attachments: list[bytes] = []
    content = _detach(content, attachments)
    head = f"{BINARY[kind]}{len(attachments)}-" if attachments else kind
    path = "" if namespace == "/" else f"{namespace},"
    number = "" if ack_id is None else str(ack_id)
    text = "" if content is None else msgspec.json.encode(content).decode()
    return [f"{head}{path}{number}{text}", *attachments]


def _detach(content: Any, attachments: list[bytes]) -> Any:
    if isinstance(content, bytes):
        attachments.append(content)
        return {PLACE: True, NUMBER: len(attachments) - 1}
    if isinstance(content, list):
        return [_detach(each, attachments) for each in content]
    if isinstance(content, dict):
        return {name: _detach(each, attachments) for name, each in content.items()}
    return content


def _unpack(packet: str) -> str | bytes:
    if not packet.startswith("b"):
        check_packet(packet)
        return packet
    try:
        return b64decode(packet[1:], validate=True)
    except ValueError as error:
        raise BadPacketError("an attachment is not base64") from error


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
