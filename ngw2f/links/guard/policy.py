"""Where links may lead: ports, names, addresses, and the operator's exceptions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ngw2f.links.guard.address import Address, Network, reason_against
from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.target import Target, parse_target

WEB_PORTS: Final = frozenset({80, 443})

# Names outside public DNS; if they resolve, they lead into an internal network.
SPECIAL_NAMES: Final = {
    "localhost": "RFC 6761 section 6.3",
    "local": "multicast DNS, RFC 6762",
    "internal": "ICANN's name for private use",
    "home.arpa": "RFC 8375",
    "onion": "RFC 7686",
    "alt": "RFC 9476",
    "test": "RFC 6761 section 6.2",
    "invalid": "RFC 6761 section 6.4",
    "example": "RFC 6761 section 6.5",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator allows links to lead to.

    `ports` are allowed on any public host. `allow` lists non-public hosts with a port, written
    as in `Target`; their port, name and resolved addresses are not checked, so list only hosts
    whose DNS is yours. An address in it matches links with that address, not names that resolve
    to it. `deny` lists networks that are public by the tables but must not be fetched from: the
    operator's own, or the local network's NAT64 prefix (RFC 6052 section 2.2).
    """

    ports: frozenset[int] = WEB_PORTS
    allow: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    deny: tuple[Network, ...] = ()

    def is_exempt(self, target: Target) -> bool:
        return (target.host, target.port) in self.allow

    def check_port(self, target: Target) -> None:
        if target.port not in self.ports and not self.is_exempt(target):
            raise LinkRefused("port", f"port {target.port} is not allowed for links")

    def check_name(self, target: Target) -> None:
        if target.address is not None or self.is_exempt(target):
            return
        if "." not in target.host:
            raise LinkRefused("name", f"{target.host} has no domain")
        for suffix, where in SPECIAL_NAMES.items():
            if f".{target.host}".endswith(f".{suffix}"):
                raise LinkRefused("name", f"{target.host} is not a public name ({where})")

    def check_address(self, target: Target, address: Address) -> None:
        if self.is_exempt(target):
            return
        reason = reason_against(address)
        if reason is None and any(address in network for network in self.deny):
            reason = f"{address} is in a network that the operator denies"
        if reason is not None:
            raise LinkRefused("address", reason)


def parse_allow_list(entries: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Parse a setting's `host:port` entries for `Policy.allow`; raise `ValueError` on a bad one.

    The port is required: an exception for a host's web server must not cover its database.
    """
    return frozenset(_parse_allowed(entry) for entry in entries)


def _parse_allowed(entry: str) -> tuple[str, int]:
    if set(entry) & set("/?#") or not entry.rpartition(":")[2].isdecimal():
        raise ValueError(f"{entry[:300]!r} is not host:port")
    try:
        target = parse_target(f"http://{entry}")
    except LinkRefused as error:
        raise ValueError(f"{entry[:300]!r} is not host:port: {error.reason}") from error
    return target.host, target.port
