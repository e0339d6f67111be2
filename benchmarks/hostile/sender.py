"""The attackers, in a process of their own.

Run: python -m benchmarks.hostile.sender PORT INPUTS SECONDS SEED; it prints how many were sent.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator

from benchmarks.hostile import http
from benchmarks.hostile.attempts import Attempt, Kind, made_up, play

CLIENTS = 64
# All that is tried. A module of another protocol adds its own.
KINDS: dict[str, Kind] = {**http.KINDS}


async def attack(
    port: int, inputs: int, seconds: float, seed: int, kinds: dict[str, Kind] = KINDS
) -> int:
    """Send made-up input by many connections at once; return how many attempts there were."""
    attempts = made_up(kinds, seed, inputs)
    deadline = time.monotonic() + seconds
    counts = await asyncio.gather(*[_client(port, attempts, deadline) for _ in range(CLIENTS)])
    return sum(counts)


async def _client(port: int, attempts: Iterator[tuple[str, Attempt]], deadline: float) -> int:
    count = 0
    for _, attempt in attempts:
        with contextlib.suppress(OSError, TimeoutError):
            await play(port, attempt)
        count += 1
        if time.monotonic() > deadline:
            break
    return count


if __name__ == "__main__":
    port, inputs, seconds, seed = (int(text) for text in sys.argv[1:])
    print(asyncio.run(attack(port, inputs, seconds, seed)))
