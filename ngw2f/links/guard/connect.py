"""Connect a socket to one of several checked addresses."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from itertools import chain, zip_longest
from typing import Final

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.deadline import Deadline
from ngw2f.links.guard.errors import LinkFailed

MAX_ATTEMPTS: Final = 4
# A dead address must not use up the time of the others. Attempts do not race (RFC 8305 section
# 5), so this allows for one lost packet, which is sent again after 1 s (RFC 6298 section 2).
ATTEMPT_SECONDS: Final = 2.0

# Returns a connected socket for address, port and timeout in seconds; raises OSError.
Connect = Callable[[Address, int, float], socket.socket]


def connect_to(address: Address, port: int, timeout_seconds: float) -> socket.socket:
    """Connect over TCP to an address, without name resolution."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_seconds)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


def connect_to_first(
    addresses: Sequence[Address], port: int, deadline: Deadline, connect: Connect
) -> tuple[socket.socket, Address]:
    """Try the addresses in turn, both families among the first two; raise `LinkFailed`."""
    tried = _interleave(addresses)[:MAX_ATTEMPTS]
    reason = "the name has no address"
    for address in tried:
        left = deadline.remaining()
        seconds = left if address == tried[-1] else min(left, ATTEMPT_SECONDS)
        try:
            return connect(address, port, seconds), address
        except TimeoutError:
            reason = f"{address} does not answer"
        except OSError as error:
            reason = f"{address} cannot be reached: {error.strerror}"
    deadline.remaining()
    raise LinkFailed("connect", reason)


def _interleave(addresses: Sequence[Address]) -> list[Address]:
    """Alternate between the families, the resolver's first choice first (RFC 8305 section 4)."""
    first = [each for each in addresses if each.version == addresses[0].version]
    second = [each for each in addresses if each.version != addresses[0].version]
    return [each for each in chain(*zip_longest(first, second)) if each is not None]
