"""Look at this machine: importable modules, free ports, ports that answer."""

import importlib.util
import os
import socket
from contextlib import suppress
from random import SystemRandom

# Sockets that reserve the returned ports.
claims: dict[int, int] = {}
# With a seeded global generator, other processes would choose the same ports.
numbers = SystemRandom()


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def free_port() -> int:
    # Below the system's ephemeral ports, so that no connection takes it before the server.
    while True:
        port = numbers.randrange(20_000, 32_000)
        # The unused UDP port of the same number marks the port as taken until this process
        # closes it or ends, even before a server listens.
        claim = socket.socket(type=socket.SOCK_DGRAM)
        with suppress(OSError), socket.create_server(("", port)):
            claim.bind(("127.0.0.1", port))
            claims[port] = claim.detach()
            return port
        claim.close()


def give_back(port: int) -> None:
    os.close(claims.pop(port))


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
