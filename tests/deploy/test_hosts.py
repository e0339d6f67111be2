"""Two application machines behind one nginx: one is cut off, and everything goes on."""

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import ROOT
from examples.transcript.machine import free_port
from ngw2f.settings import Settings
from tests.deploy.chats import Chat, Load, environment, join, running_workers, started
from tests.deploy.faults import check, streams_opened
from tests.deploy.fleet import Fleet
from tests.deploy.followers import EVERY_KIND, Follower, following
from tests.deploy.network import Network, running_network
from tests.nginx.running import make_front, running
from tests.postgresql import running_postgresql
from tests.redis_servers import find_program, running_redis
from tests.waiting import wait_until

# How long clients of the machine that is cut off may be without. (10 s where nothing else
# runs: 6 s until the system notices, 2 s for one more try of nginx.) Where the system notices
# nothing, nginx waits 60 s.
BACK_SECONDS = 55
REQUESTS = 40


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network() as network:
        yield network


@pytest.fixture(scope="module")
def foundations(network: Network) -> Iterator[tuple[str, str]]:
    """Give the URLs of a PostgreSQL and a Redis that the machines share, by TCP."""
    port, redis_port = free_port(), free_port()
    options = f"-c listen_addresses={network.here} -c port={port}"
    access = f"host all all {network.prefix}.0/24 trust\n"
    redis_url = f"redis://:open-sesame@{network.here}:{redis_port}/0"
    with (
        tempfile.TemporaryDirectory(prefix="ngw2f-hosts-", ignore_cleanup_errors=True) as directory,
        running_postgresql(options, access),
        running_redis(
            find_program("valkey"),
            Path(directory),
            redis_url,
            bind=network.here,
            port=redis_port,
            requirepass="open-sesame",
        ),
    ):
        yield f"postgresql+psycopg://chat@{network.here}:{port}/postgres", redis_url


@pytest.fixture
def fleet(network: Network, foundations: tuple[str, str]) -> Iterator[Fleet]:
    with (
        tempfile.TemporaryDirectory(prefix="ngw2f-hosts-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        directory = Path(name)
        chats = []
        for machine in ("a", "b"):
            own = directory / machine
            own.mkdir()
            variables, inside = environment(own, *foundations), network.inside(machine)
            # With the chat's own time-out: a Redis that is cut off hangs.
            variables["NGW2F_REDIS_TIMEOUT_SECONDS"] = str(Settings().redis_timeout_seconds)
            address = f"{network.address(machine)}:8000"
            chats.append(Chat(own, "web", variables, inside, address))
            stack.enter_context(started(chats[-1]))
            workers = stack.enter_context(running_workers(variables, inside))
        network.configure("front", sysctl())
        front = make_front(
            directory / "nginx",
            [chat.bind for chat in chats],
            names=[network.address("front")],
            addresses=[network.address("front")],
        )
        client = stack.enter_context(running(front, network.inside("front")))
        yield Fleet(client, chats, workers)


def sysctl() -> dict[str, str]:
    lines = (ROOT / "deploy" / "sysctl.conf").read_text().splitlines()
    pairs = (line.split("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def test_one_machine_is_cut_off(fleet: Fleet, network: Network) -> None:
    headers = join(fleet.client, "ann")
    with following(fleet.client, [*EVERY_KIND, *EVERY_KIND]) as followers:
        with Load(fleet.client, headers, threads=4, pause_seconds=0.2) as load:
            load.wait_for(REQUESTS)
            opened = streams_opened(followers)
            network.cut_off("a")
            cut_off = time.monotonic()
            seconds = wait_until_complete(fleet, headers, followers, cut_off)
            reopened = streams_opened(followers) - opened
            load.wait_for(REQUESTS)
            failures, slowest = len(load.failures), load.slowest
            network.connect("a")
            wait_until(lambda: answers(fleet, network.address("a")))
            load.wait_for(REQUESTS)
        check(fleet, load.acknowledged, followers)
    print(f"\ncomplete after {seconds:.1f} s, slowest request {slowest:.1f} s, {failures} failed")  # noqa: T201 # for -s
    # Some had their streams there, and each of the load's clients at most one request.
    assert reopened
    assert failures <= load.threads, load.failures
    assert slowest < BACK_SECONDS
    assert seconds < BACK_SECONDS


def wait_until_complete(
    fleet: Fleet, headers: dict[str, str], followers: list[Follower], since: float
) -> float:
    """Return after how long everybody knows what was posted after the cut, and all before it."""
    posted = fleet.client.ask("/api/messages", "POST", b'{"source": "after the cut"}', headers)
    assert posted.status == 201
    stored = {each for each in fleet.stored() if each <= posted.json["id"]}
    wait_until(lambda: all(stored <= set(f.created) for f in followers))
    return time.monotonic() - since


def answers(fleet: Fleet, address: str) -> bool:
    """Say whether an instance has answered one of the last requests."""
    # Without what comes after the last line's end: nginx may be writing it just now.
    lines = (fleet.client.front.run / "access.log").read_text().split("\n")[-21:-1]
    return any(json.loads(line)["instance"].startswith(address) for line in lines)
