from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.guard.address import SPECIAL_IPV4, SPECIAL_IPV6, reason_against

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255
128.0.0.1 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
2001:4860:4860::8888 2606:2800:220:1:248:1893:25c8:1946 2a00:1450:4001:80b::200e 2001:200::1
2003::1 2400:cb00::1 3ffe::1 3fff:1000::1 2620:4f:7fff::1 2001:db7:ffff::1 2001:db9::1
::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:4860::5efe:808:808 2001:4860::200:5efe:808:808
"""

NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1
127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.1
192.0.0.8 192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1
192.88.99.1 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 254.1.2.3 255.255.255.255
:: ::1 ::2 ::10.0.0.1 ::127.0.0.1 ::8.8.8.8 ::ffff:0:8.8.8.8 ::ffff:0.0.0.0 ::ffff:10.0.0.1
::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:192.168.1.1 ::ffff:224.0.0.1 64:ff9b::10.0.0.1
64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b::100.64.0.1 64:ff9b:1::8.8.8.8
64:ff9b:1:ffff::10.0.0.1 64:ff9b:2::1 100::1 100:0:0:1::1 1fff:ffff::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1
2001:1f::1 2001:20::1 2001:2f::1 2001:30::1 2001:1ff::1 2001:db8::1 2002:a00:1::1 2002:7f00:1::
2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1 4000::1 5f00::1 8000::1 c000::1 fc00::1
fd00:ec2::254 fdff::1 fe00::1 fe80::1 febf::1 fe80::1%eth0 2001:4860:4860::8888%1 fec0::1 ff02::1
ff0e::1 ff05::2 2001:4860::5efe:a00:1 2001:4860::200:5efe:7f00:1 fe80::5efe:808:808
"""


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public_address_passes(text: str) -> None:
    assert reason_against(ip_address(text)) is None


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_special_address_is_refused(text: str) -> None:
    reason = reason_against(ip_address(text))
    assert reason is not None
    assert str(ip_address(text)) in reason


@pytest.mark.parametrize(("block", "use"), [*SPECIAL_IPV4, *SPECIAL_IPV6], ids=str)
def test_both_ends_of_each_block_are_refused(block: object, use: str) -> None:
    for end in (block[0], block[-1]):  # type: ignore[index]
        assert reason_against(end) is not None


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_passes_no_ipv4_that_python_refuses(address: IPv4Address) -> None:
    if reason_against(address) is None:
        assert address.is_global
        assert not any((address.is_multicast, address.is_reserved, address.is_private))


@given(
    st.integers(0, 2**128 - 1).map(IPv6Address)
    | st.integers(0x2000 << 112, 0x4000 << 112).map(IPv6Address)
)
def test_passes_no_ipv6_that_python_refuses(address: IPv6Address) -> None:
    if reason_against(address) is None:
        assert address.is_global
        assert not any((address.is_multicast, address.is_reserved, address.is_private))


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["::ffff:0:0", "64:ff9b::", "2001:4860::5efe:0:0", "2606:4700::200:5efe:0:0"]),
)
def test_embedded_ipv4_is_judged_as_itself(bits: int, prefix: str) -> None:
    outer = IPv6Address(int(IPv6Address(prefix)) | bits)
    assert (reason_against(outer) is None) == (reason_against(IPv4Address(bits)) is None)


@given(st.integers(0, 2**128 - 1))
def test_nothing_passes_through_obsolete_tunnels(bits: int) -> None:
    for prefix, length in (("::", 96), ("2001::", 32), ("2002::", 16), ("64:ff9b:1::", 48)):
        host = bits & (2 ** (128 - length) - 1)
        assert reason_against(IPv6Address(int(IPv6Address(prefix)) | host)) is not None
