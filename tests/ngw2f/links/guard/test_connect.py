import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address

import pytest

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.connect import connect_to, connect_to_first
from ngw2f.links.guard.deadline import Deadline
from ngw2f.links.guard.errors import LinkFailed

LOOPBACK = ip_address("127.0.0.1")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener


def test_address_is_connected_to(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with closing(connect_to(LOOPBACK, port, 1)) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
        assert sock.gettimeout() == 1


def test_ipv6_address_is_connected_to() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with closing(listener), closing(connect_to(ip_address("::1"), listener.getsockname()[1], 1)):
        pass


def test_refused_connection_leaves_no_socket_open(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(ConnectionRefusedError):  # An open one would warn, which is an error here.
        connect_to(LOOPBACK, port, 1)


@pytest.mark.parametrize(
    ("addresses", "tried"),
    [
        ("1.1.1.1 2.2.2.2", "1.1.1.1 2.2.2.2"),
        ("1.1.1.1 2.2.2.2 2000::1", "1.1.1.1 2000::1 2.2.2.2"),
        ("2000::1 2000::2 2000::3 2000::4 2000::5 1.1.1.1", "2000::1 1.1.1.1 2000::2 2000::3"),
    ],
)
def test_families_take_turns(addresses: str, tried: str) -> None:
    dialled: list[str] = []

    def connect(address: Address, port: int, timeout_seconds: float) -> socket.socket:
        dialled.append(str(address))
        raise OSError(101, "Network is unreachable")

    with pytest.raises(LinkFailed, match="unreachable") as caught:
        connect_to_first([*map(ip_address, addresses.split())], 80, Deadline(10), connect)
    assert caught.value.kind == "connect"
    assert dialled == tried.split()
