import zlib
from typing import cast

import pytest
from wsproto.frame_protocol import CloseReason, FrameDecoder, Opcode, RsvBits

from ngw2f.web.deflate import MAX_LAST_BLOCKS, Agreement, Inflate, agree

AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

# RFC 7692 section 7.1.
OFFERS = {
    "permessage-deflate": None,
    "permessage-deflate; client_max_window_bits": None,
    "permessage-deflate;client_max_window_bits=10": None,
    "Permessage-Deflate; server_no_context_takeover; client_no_context_takeover": None,
    "permessage-deflate; server_max_window_bits=9": 9,
    'permessage-deflate; server_max_window_bits = "15"': 15,
    "x-webkit-deflate-frame, permessage-deflate": None,
    "permessage-deflate; server_max_window_bits=8, permessage-deflate": None,
    "permessage-deflate; server_max_window_bits=10, permessage-deflate": 10,
    ", permessage-deflate,": None,
}
REFUSED = [
    "",
    ",",
    "permessage-bzip2",
    "permessage-deflate2",
    "permessage-deflate; (",
    "permessage-deflate;",
    "permessage-deflate; level=9",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover=true",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_max_window_bits=15; client_max_window_bits=15",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=09",
    "permessage-deflate; server_max_window_bits=+9",
    "permessage-deflate; server_max_window_bits=\u0669",
    "permessage-deflate; server_max_window_bits=",
    'permessage-deflate; server_max_window_bits="10',
    "permessage-deflate; client_max_window_bits=7",
    "permessage-deflate; client_max_window_bits=16",
]


@pytest.mark.parametrize(("offers", "bits"), OFFERS.items())
def test_offer_is_accepted(offers: str, bits: int | None) -> None:
    assert agree(offers) == Agreement(bits)


@pytest.mark.parametrize("offers", REFUSED)
def test_offer_is_refused(offers: str) -> None:
    assert agree(offers) is None


def test_answer_names_what_holds() -> None:
    assert Agreement().answer == AGREED
    assert Agreement(9).answer == f"{AGREED}; server_max_window_bits=9"


MAX_BYTES = 10_000
TOO_BIG, INVALID = CloseReason.MESSAGE_TOO_BIG, CloseReason.INVALID_FRAME_PAYLOAD_DATA


def compressed(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(*fragments: bytes) -> list[object]:
    """Return what the receiver gets with each fragment of a message, and at its end."""
    inflate, unused = Inflate(MAX_BYTES), cast(FrameDecoder, None)
    inflate.frame_inbound_header(unused, Opcode.TEXT, RsvBits(True, False, False), 0)
    got: list[object] = [inflate.frame_inbound_payload_data(unused, each) for each in fragments]
    return [*got, inflate.frame_inbound_complete(unused, True)]


def test_message_is_inflated_when_it_is_whole() -> None:
    """Until then it takes no more memory than was sent."""
    content = bytes(MAX_BYTES)
    data = compressed(content)
    assert inflated(data[:10], data[10:]) == [b"", b"", content]


@pytest.mark.parametrize("count", [1, MAX_LAST_BLOCKS - 1])
def test_more_may_follow_a_last_block(count: int) -> None:
    assert inflated(b"\x03\x00" * count + compressed(b"Hello"))[-1] == b"Hello"


@pytest.mark.parametrize(
    ("data", "why"),
    [(compressed(bytes(MAX_BYTES + 1)), TOO_BIG), (b"\x03\x00" * MAX_LAST_BLOCKS, INVALID),
     (b"\xff", INVALID)],
    ids=["too long", "too many last blocks", "no deflate"],
)  # fmt: skip
def test_message_is_refused_at_its_end(data: bytes, why: CloseReason) -> None:
    assert inflated(data) == [b"", why]


def test_compressed_message_is_bounded_too() -> None:
    assert TOO_BIG in inflated(bytes(MAX_BYTES), bytes(MAX_BYTES), b"\0")
