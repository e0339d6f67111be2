import pytest

from ngw2f.web.deflate import Agreement, agree

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
