"""Ports for servers that a test starts a moment later."""

import random
import socket

# Below those that connections get (net.ipv4.ip_local_port_range): none takes one meanwhile.
PORTS = range(20_000, 32_000)
# Each is given once; not by the generator that tests may seed.
_untried = iter(random.SystemRandom().sample(PORTS, len(PORTS)))


def free_port() -> int:
    for port in _untried:
        with socket.socket() as listener:
            try:
                listener.bind(("", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is left")
