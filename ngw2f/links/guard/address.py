"""Which IP addresses a link may be fetched from: globally routable unicast, and nothing else.

`ipaddress.is_global` is not enough. In Python 3.11 to 3.13 it is true for multicast,
192.88.99.0/24, `::10.0.0.1`, `64:ff9b::10.0.0.1` and `fec0::/10`, for unallocated IPv6 blocks
(`4000::1`), and for an address with a zone; and 192.0.0.0/24, `2002::/16` and `64:ff9b:1::/48`
changed between 3.11 and 3.13. So this module has its own tables, after IANA's special-purpose
address registries (RFC 6890), which also list the few blocks that are routed but hold no site.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_IPV4: Final = tuple(
    (IPv4Network(block), use)
    for block, use in (
        ("0.0.0.0/8", "this network (RFC 1122 section 3.2.1.3)"),
        ("10.0.0.0/8", "private use (RFC 1918)"),
        ("100.64.0.0/10", "shared behind a carrier's NAT (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122 section 3.2.1.3)"),
        ("168.63.129.16/32", "the host agent of Azure's machines"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("172.16.0.0/12", "private use (RFC 1918)"),
        ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
        ("192.0.2.0/24", "documentation (RFC 5737)"),
        ("192.31.196.0/24", "AS112 (RFC 7535)"),
        ("192.52.193.0/24", "multicast relays (RFC 7450)"),
        ("192.88.99.0/24", "6to4 relays (RFC 7526)"),
        ("192.168.0.0/16", "private use (RFC 1918)"),
        ("192.175.48.0/24", "AS112 (RFC 7534)"),
        ("198.18.0.0/15", "benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "documentation (RFC 5737)"),
        ("203.0.113.0/24", "documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("255.255.255.255/32", "limited broadcast (RFC 919)"),
        ("240.0.0.0/4", "reserved (RFC 1112 section 4)"),
    )
)

# Outside GLOBAL_UNICAST these only make the reason clearer; inside it they exclude blocks.
GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
SPECIAL_IPV6: Final = tuple(
    (IPv6Network(block), use)
    for block, use in (
        ("::/128", "unspecified (RFC 4291 section 2.5.2)"),
        ("::1/128", "loopback (RFC 4291 section 2.5.3)"),
        ("::/96", "IPv4-compatible (RFC 4291 section 2.5.5.1)"),
        ("::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"),
        ("64:ff9b:1::/48", "NAT64 of a local network (RFC 8215)"),
        ("100::/64", "discard only (RFC 6666)"),
        ("100:0:0:1::/64", "dummy prefix (RFC 9780)"),
        ("2001::/32", "Teredo (RFC 4380)"),
        ("2001:2::/48", "benchmarks (RFC 5180)"),
        ("2001:10::/28", "ORCHID (RFC 4843)"),
        ("2001:20::/28", "ORCHIDv2 (RFC 7343)"),
        ("2001::/23", "protocol assignments (RFC 2928)"),
        ("2001:db8::/32", "documentation (RFC 3849)"),
        ("2002::/16", "6to4 (RFC 3056, RFC 7526)"),
        ("2620:4f:8000::/48", "AS112 (RFC 7534)"),
        ("3fff::/20", "documentation (RFC 9637)"),
        ("5f00::/16", "segment routing (RFC 9602)"),
        ("fc00::/7", "private use (RFC 4193)"),
        ("fe80::/10", "link-local (RFC 4291 section 2.5.6)"),
        ("fec0::/10", "site-local (RFC 3879)"),
        ("ff00::/8", "multicast (RFC 4291 section 2.7)"),
    )
)

# Addresses that reach the IPv4 address in their last 32 bits, on networks with such a path.
IPV4_MAPPED: Final = IPv6Network("::ffff:0:0/96")
NAT64: Final = IPv6Network("64:ff9b::/96")
# The upper half of an ISATAP interface identifier, for private and for global IPv4 (RFC 5214
# section 6.1). Any prefix can carry it.
ISATAP_MARKS: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


def reason_against(address: Address) -> str | None:
    """Return why nothing may be fetched from this address, or `None` if it is public unicast.

    If a connection would reach an embedded IPv4 address, that one is checked: mapped (RFC 4291
    section 2.5.5.2), NAT64's well-known prefix (RFC 6052 section 3.1) and ISATAP. Obsolete forms
    are always refused: compatible, 6to4, Teredo. A network's own NAT64 prefix is unknown here; an
    operator who has one adds it to `Policy.deny`.
    """
    if isinstance(address, IPv4Address):
        return _reason_against_ipv4(address)
    if address.scope_id is not None:
        return f"{address} has a zone, which only means something on this machine (RFC 4007)"
    embedded = _embedded_ipv4(address)
    if embedded is not None:
        within = _reason_against_ipv4(embedded)
        if within is not None:
            return f"{address} leads to an IPv4 address: {within}"
    if address in IPV4_MAPPED or address in NAT64:
        return None
    return _reason_against_ipv6(address)


def _reason_against_ipv4(address: IPv4Address) -> str | None:
    for block, use in SPECIAL_IPV4:
        if address in block:
            return f"{address} is not public: {use}"
    return None


def _reason_against_ipv6(address: IPv6Address) -> str | None:
    for block, use in SPECIAL_IPV6:
        if address in block:
            return f"{address} is not public: {use}"
    if address not in GLOBAL_UNICAST:
        return f"{address} is not public: outside {GLOBAL_UNICAST} (RFC 4291 section 2.4)"
    return None


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    bits = int(address)
    is_isatap = (bits >> 32) & 0xFFFF_FFFF in ISATAP_MARKS
    if is_isatap or address in IPV4_MAPPED or address in NAT64:
        return IPv4Address(bits & 0xFFFF_FFFF)
    return None
