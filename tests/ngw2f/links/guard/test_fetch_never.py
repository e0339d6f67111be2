"""Whatever the link and whatever DNS says: what is connected to is public, by Python's word too."""

import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngw2f.links.guard.address import SPECIAL_IPV4, SPECIAL_IPV6, Address
from ngw2f.links.guard.errors import LinkFailed, LinkRefused
from ngw2f.links.guard.fetch import Fetcher
from ngw2f.links.guard.media import LINKS
from ngw2f.links.guard.policy import Policy

SPECIAL = [
    *(end for block, _ in SPECIAL_IPV4 for end in (block[0], block[-1])),
    *(end for block, _ in SPECIAL_IPV6 for end in (block[0], block[-1])),
]
FULL_WIDTH = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
NAT64 = IPv6Network("64:ff9b::/96")
IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)
EMBEDDED = st.builds(
    lambda prefix, inner: IPv6Address(int(IPv6Address(prefix)) | int(inner)),
    st.sampled_from(["::", "::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "2001:db8::5efe:0:0"]),
    IPV4,
)
PUBLIC = st.sampled_from([ip_address("8.8.8.8"), ip_address("2001:4860:4860::8888")])
ADDRESSES = st.one_of(
    PUBLIC,
    st.sampled_from(SPECIAL),
    IPV4,
    st.integers(0, 2**128 - 1).map(IPv6Address),
    EMBEDDED,
)

HOSTS = st.one_of(
    st.sampled_from(
        ["example.com", "a.example.com.", "localhost", "münchen.de", "１.1.1.1", "0x7f.1"]
    ),
    ADDRESSES.map(lambda address: f"[{address}]" if address.version == 6 else str(address)),
    IPV4.map(lambda address: str(int(address))),
    IPV4.map(lambda address: hex(int(address))),
    IPV4.map(lambda address: ".".join(f"0{part:o}" for part in address.packed)),
    IPV4.map(lambda address: str(address).translate(FULL_WIDTH)),
    st.text(max_size=8),
)
LINKS_TO_TRY = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "http:", "//", "http:\\\\", "ftp://", ""]),
    st.sampled_from(["", "", "", "user@", "8.8.8.8@", "8.8.8.8\\@", "8.8.8.8#@", "8.8.8.8?@"]),
    HOSTS,
    st.sampled_from(["", "", ":80", ":443", ":22", ":0", ":", ":80@127.0.0.1", ":65616"]),
    st.sampled_from(
        ["", "/", "/path?query#fragment", "\\@127.0.0.1", "?@127.0.0.1", "#@127.0.0.1"]
    ),
)


def is_public(address: Address) -> bool:
    """Judge independently of the tables under test."""
    if isinstance(address, IPv6Address):
        low = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.ipv4_mapped or address in NAT64:
            return is_public(low)
        if address.packed[0] & 0xE0 != 0x20 or address.sixtofour or address.teredo:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINKS_TO_TRY, st.lists(PUBLIC, min_size=1, max_size=2) | st.lists(ADDRESSES, max_size=4))
def test_only_public_addresses_are_connected_to(
    tls: ssl.SSLContext, url: str, answers: list[Address]
) -> None:
    judged: list[Address] = []
    dialled: list[tuple[Address, int]] = []

    def resolve(name: str, timeout_seconds: float) -> list[Address]:
        judged.extend(answers)
        return answers

    def connect(address: Address, port: int, timeout_seconds: float) -> socket.socket:
        dialled.append((address, port))
        raise ConnectionRefusedError(111, "Connection refused")

    fetcher = Fetcher(Policy(), resolve=resolve, connect=connect, tls=tls)
    with pytest.raises((LinkRefused, LinkFailed)) as caught:
        fetcher.fetch(url, LINKS)
    assert caught.value.kind == "connect" or not dialled
    if dialled:
        assert all(is_public(address) for address in judged)
        assert all(is_public(address) and port in (80, 443) for address, port in dialled)
