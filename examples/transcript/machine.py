"""Look at this machine: importable modules, free ports, ports that answer."""

import importlib.util
import os
import socket
from contextlib import suppress
from random import SystemRandom

# What keeps a port that was given from being given again.
claims: dict[int, int] = {}
# Whoever seeds Python's own generator has other processes ask for the same ports.
numbers = SystemRandom()


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def free_port() -> int:
    # Below those that the system gives to connections: none takes it before a server does.
    while True:
        port = numbers.randrange(20_000, 32_000)
        # UDP's port of the same number, which nobody uses: until this process gives it back, or
        # ends, another that looks for a port sees by it that this one is given, also where no
        # server listens yet.
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
