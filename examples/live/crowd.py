"""Measure a crowd that polls twice a second, and one that listens: python crowd.py [CLIENTS].

All figures are per second. Processor time is the server's, without its start.
"""

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from examples.transcript.stage import Stage
from examples.transcript.wire import Wire

COMMAND = "gunicorn --worker-class gevent clock:application"
SECONDS = 5.0
POLL_SECONDS = 0.5


class Cost(NamedTuple):
    requests: float
    size: float
    ticks: float
    processor: float


def ask(wire: Wire) -> None:
    wire.ask("/poll")
    wire.chunk()
    wire.chunk()
    time.sleep(POLL_SECONDS)


def listen(wire: Wire) -> None:
    if not wire.requests:
        wire.ask("/events")
    wire.chunk()


def measure(clients: int, hear: Callable[[Wire], None]) -> Cost:
    """Let clients receive ticks for some seconds, each over its own connection."""
    before = processor_seconds()
    with Stage(Path(__file__).parent) as stage, ThreadPoolExecutor(clients or 1) as crowd:
        port = stage.serve(COMMAND)
        end = time.monotonic() + SECONDS

        def visit(_number: int) -> tuple[Wire, int]:
            wire, ticks = Wire(port), 0
            while time.monotonic() < end:
                hear(wire)
                ticks += 1
            wire.close()
            return wire, ticks

        visits = list(crowd.map(visit, range(clients)))
    requests = sum(wire.requests for wire, _ in visits)
    size = sum(wire.sent + wire.received for wire, _ in visits)
    sums = requests, size, sum(ticks for _, ticks in visits), processor_seconds() - before
    return Cost(*(each / SECONDS for each in sums))


def processor_seconds() -> float:
    """Return the processor time of all ended servers and their workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(clients: int) -> None:
    start = measure(0, listen).processor
    print(f"{f'{clients} clients':<14}{'requests':>9}{'bytes':>8}{'ticks heard':>13}", end="")
    print(f"{'processor (ms)':>16}   a second")
    for name, hear in {"asking twice": ask, "listening": listen}.items():
        cost = measure(clients, hear)
        print(f"{name:<14}{cost.requests:>9.0f}{cost.size:>8.0f}{cost.ticks:>13.0f}", end="")
        print(f"{1000 * (cost.processor - start):>16.0f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
