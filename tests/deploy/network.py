"""Machines of their own, as network namespaces on one bridge; each can be cut off.

this machine  .1   the bridge: clients, PostgreSQL, Redis
front         .2   nginx
a, b          .11  instances and workers
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.needs import lacking

MACHINES = {"front": 2, "a": 11, "b": 12}
# From 10.200.0.0/24 to 10.249.249.0/24.
NETWORKS = 50 * 250


@dataclass
class Network:
    name: str
    prefix: str

    @property
    def here(self) -> str:
        return f"{self.prefix}.1"

    def address(self, machine: str) -> str:
        return f"{self.prefix}.{MACHINES[machine]}"

    def inside(self, machine: str) -> list[str]:
        """Return what goes before a command that is to run there."""
        return ["ip", "netns", "exec", f"{self.name}{machine}"]

    def cut_off(self, machine: str) -> None:
        """Pull the cable: nobody is told."""
        _ip("link", "set", f"{self.name}{machine}", "down")

    def connect(self, machine: str) -> None:
        _ip("link", "set", f"{self.name}{machine}", "up")

    def configure(self, machine: str, settings: Mapping[str, str]) -> None:
        """Set what sysctl.conf sets, there alone."""
        for name, value in settings.items():
            path = "/proc/sys/" + name.replace(".", "/")
            # sysctl itself may not be installed.
            command = [*self.inside(machine), "sh", "-c", 'echo "$1" > "$2"', "sh", value, path]
            subprocess.run(command, check=True)


@contextlib.contextmanager
def claimed_number() -> Iterator[int]:
    """Give a number that no other process has, of those that are networks here."""
    # One that ended without cleaning up may have left its network; few had this process id.
    for further in range(NETWORKS):
        number = (os.getpid() + further) % NETWORKS
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                # In the abstract namespace: it goes with the process, however that ends.
                claim.bind(f"\0ngw2f-network-{number}")
            except OSError:
                continue
            yield number
            return
    raise RuntimeError("all networks are taken")


@contextlib.contextmanager
def unchanged_networks() -> Iterator[None]:
    """Wait until no test on this machine changes its networks, and keep them so for a block.

    A browser ends its TLS connections when they change (Chromium's ERR_NETWORK_CHANGED).
    """
    with _turn(fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def _turn(kind: int) -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / "ngw2f-networks.lock").open("w") as file:
        fcntl.flock(file, kind)
        yield


@contextlib.contextmanager
def running_network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    if not shutil.which("ip"):
        lacking("ip", "apt-get install iproute2")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_turn(fcntl.LOCK_SH))
        number = stack.enter_context(claimed_number())
        network = Network(f"ngw{number}", f"10.{200 + number // 250}.{number % 250}")
        try:
            _ip("link", "add", network.name, "type", "bridge")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces are not permitted here: {error.stderr.strip()}")
        stack.callback(_ip, "link", "del", network.name)
        _ip("addr", "add", f"{network.here}/24", "dev", network.name)
        _ip("link", "set", network.name, "up")
        for machine in MACHINES:
            _add(network, machine, stack)
        yield network


def _add(network: Network, machine: str, stack: contextlib.ExitStack) -> None:
    name = f"{network.name}{machine}"
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name)
    _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", name, "master", network.name, "up")
    _ip("-n", name, "addr", "add", f"{network.address(machine)}/24", "dev", "eth0")
    for link in ("lo", "eth0"):
        _ip("-n", name, "link", "set", link, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
