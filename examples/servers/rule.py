"""How many workers? The rule says two per processor, plus one: python rule.py.

Sync workers, on two processors of this machine, with enough clients to keep all busy. A request
takes 40 ms, and waits, computes, or does half of each. Requests per second, and the median
client's wait in milliseconds. More REQUESTS_PER_CLIENT than 3 give steadier figures.
"""

import os
import statistics
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from examples.transcript.stage import Stage

SECONDS = 0.04
REQUESTS_PER_CLIENT = int(os.environ.get("REQUESTS_PER_CLIENT", "3"))
KINDS = ["wait", "half", "compute"]


class Times(NamedTuple):
    """A request's times by the machine's clock, from client and server."""

    asked: float
    begun: float
    done: float
    answered: float


def main() -> None:
    processors = keep_two_processors()
    print(f"{'workers':<14}" + "".join(f"{kind:>9}{'ms':>6}" for kind in KINDS))
    names = {"1": 1, "n": processors, "2n+1": 2 * processors + 1, "4n": 4 * processors}
    for name, workers in names.items():
        row = measure(workers, clients=4 * processors)
        figures = "".join(f"{rate:>9.0f}{1000 * median:>6.0f}" for rate, median in row.values())
        print(f"{name + ' = ' + str(workers):<14}{figures}", flush=True)


def keep_two_processors() -> int:
    """Pin this process and its children to two processors, if the system can."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    kept = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, kept)
    return len(kept)


def measure(
    workers: int, clients: int, kinds: list[str] = KINDS, seconds: float = SECONDS
) -> dict[str, tuple[float, float]]:
    """Return requests per second and the median seconds of one, for each kind of request."""
    with Stage(Path(__file__).parent) as stage, ThreadPoolExecutor(clients) as pool:
        port = stage.serve(f"gunicorn --workers {workers} work:application")
        wait_for_workers(port, workers, pool)
        row = {}
        for kind in kinds:
            targets = [f"/{kind}?{seconds}"] * (clients * REQUESTS_PER_CLIENT)
            begun = time.monotonic()
            times = list(pool.map(lambda target: ask(port, target), targets))
            rate = len(targets) / (time.monotonic() - begun)
            row[kind] = rate, statistics.median(each.answered - each.asked for each in times)
        return row


def wait_for_workers(port: int, workers: int, pool: ThreadPoolExecutor) -> None:
    """Wait until all workers work at the same time."""
    # Long enough that the first is not done before the last has begun on a busy machine.
    seconds = 0.1
    times = [ask(port, "/")]
    while len(times) < workers or max(t.begun for t in times) > min(t.done for t in times):
        times = list(pool.map(ask, [port] * workers, [f"/wait?{seconds}"] * workers))
        seconds *= 1.5


def ask(port: int, target: str) -> Times:
    asked = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{target}", timeout=60) as answer:
        begun, done = (float(line.split()[1]) for line in answer)
    return Times(asked, begun, done, time.monotonic())


if __name__ == "__main__":
    main()
