"""permessage-deflate (RFC 7692): what the handshake agrees on, and how messages are inflated.

Neither side keeps a window between messages. So a frame that is compressed once serves every
client (`DeflatedFrames` in ngw2f/live/formats.py), an idle client costs no memory for it, and
nothing that one user writes is compressed together with what another one does.
"""

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

NAME = "permessage-deflate"
# zlib cannot compress with a window of 2**8 bytes.
MIN_WINDOW_BITS, MAX_WINDOW_BITS = 9, 15
# What the sender removes from the end of a message (RFC 7692 section 7.2.2).
TAIL = b"\x00\x00\xff\xff"
# How many blocks of a message may be marked as the last one: clients mark one, or none.
MAX_LAST_BLOCKS = 100

# RFC 6455 section 9.1. A value in quotes has to be a token as well.
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 # not a secret
PARAMETER = re.compile(rf'\s*({TOKEN})\s*(?:=\s*(?:({TOKEN})|"({TOKEN})")\s*)?')
WINDOW_BITS = re.compile("[89]|1[0-5]")

# Not None, which is no parameter at all.
NO_VALUE = ""


class Agreement(NamedTuple):
    """What both sides agree on."""

    # The greatest window of the server's, as an exponent of 2; None: the client asks for none.
    window_bits: int | None = None

    @property
    def answer(self) -> str:
        """Return the value of Sec-WebSocket-Extensions in the answer to the handshake."""
        # A server may ask for the second one on its own (section 7.1.1.2).
        answer = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
        if self.window_bits is None:
            return answer
        return f"{answer}; server_max_window_bits={self.window_bits}"


def agree(offers: str) -> Agreement | None:
    """Return the compression that we agree to in Sec-WebSocket-Extensions, or None for none.

    The first offer that we can accept counts (section 7.1). What cannot be parsed is not an offer.
    """
    for offer in offers.split(","):
        parameters = _parse(offer)
        if parameters is not None and _is_acceptable(parameters):
            bits = parameters.get("server_max_window_bits")
            return Agreement(int(bits) if bits else None)
    return None


def _parse(offer: str) -> dict[str, str] | None:
    """Return the parameters of an offer of permessage-deflate; None: it is not one."""
    name, *rest = offer.split(";")
    if name.strip().lower() != NAME:
        return None
    parameters: dict[str, str] = {}
    for part in rest:
        match = PARAMETER.fullmatch(part)
        if match is None or match[1] in parameters:
            return None
        parameters[match[1]] = match[2] or match[3] or NO_VALUE
    return parameters


def _is_acceptable(parameters: dict[str, str]) -> bool:
    return all(_is_valid(name, value) for name, value in parameters.items())


def _is_valid(name: str, value: str) -> bool:
    match name:
        case "server_no_context_takeover" | "client_no_context_takeover":
            return value == NO_VALUE
        case "client_max_window_bits":
            return value == NO_VALUE or WINDOW_BITS.fullmatch(value) is not None
        case "server_max_window_bits":
            return WINDOW_BITS.fullmatch(value) is not None and int(value) >= MIN_WINDOW_BITS
        case _:
            return False


class Inflate(Extension):
    """Inflates the messages of a client, each at most to *max_bytes*, and only when it is whole.

    Until then its fragments are kept compressed. Otherwise a client could send a thousandth of the
    longest message, and have the connection keep all of it inflated.
    """

    name = NAME

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # The bytes of the message that have arrived; None: it is not compressed.
        self._compressed: bytearray | None = None
        # A control frame may come between the fragments of a message, and is never compressed.
        self._is_control = False

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool:
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> RsvBits:
        """Return which reserved bits the frame may have."""
        self._is_control = opcode.iscontrol()
        is_first = opcode in (Opcode.TEXT, Opcode.BINARY)
        if is_first:
            self._compressed = bytearray() if rsv.rsv1 else None
        # The bit is set in the first frame of a message (section 6).
        return RsvBits(is_first, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        if self._is_control or self._compressed is None:
            return data
        self._compressed += data
        # What cannot be compressed may become longer.
        return b"" if len(self._compressed) <= 2 * self._max_bytes else CloseReason.MESSAGE_TOO_BIG

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        if not fin or self._is_control or self._compressed is None:
            return None
        compressed, self._compressed = bytes(self._compressed + TAIL), None
        try:
            inflated = b"".join(self._pieces(compressed))
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return inflated if len(inflated) <= self._max_bytes else CloseReason.MESSAGE_TOO_BIG

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """Inflate *data*, at most to one byte more than the message may have. Raises zlib.error."""
        left = self._max_bytes + 1
        # More may follow a block that is marked as the last one (section 7.2.3.5).
        for _ in range(MAX_LAST_BLOCKS):
            decompressor = zlib.decompressobj(-MAX_WINDOW_BITS)
            piece = decompressor.decompress(data, left)
            yield piece
            left, data = left - len(piece), decompressor.unused_data
            if not (data and left):
                return
        raise zlib.error("too many blocks are marked as the last one")
