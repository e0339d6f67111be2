"""The attackers, in a process of their own.

Run: python -m benchmarks.hostile.sender http|live PORT TOKEN INPUTS SECONDS SEED; it prints as
JSON how many inputs were sent, and the results.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator

from benchmarks.hostile import http
from benchmarks.hostile.attempts import Attempt, Kind, made_up, play
from benchmarks.hostile.sessions import Sessions

CLIENTS = 64
LIVE_CLIENTS = 12


async def attack(
    port: int, inputs: int, seconds: float, seed: int, kinds: dict[str, Kind] = http.KINDS
) -> int:
    """Send random input over many connections at once; return the number of attempts."""
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


def main() -> None:
    what, port, token, inputs, seconds, seed = sys.argv[1:]
    if what == "http":
        sent = asyncio.run(attack(int(port), int(inputs), float(seconds), int(seed)))
        print(json.dumps({"sent": sent, "answers": {}}))
        return
    sessions = Sessions(int(port), token, int(inputs), float(seconds), int(seed))
    sessions.run(LIVE_CLIENTS)
    print(json.dumps({"sent": sessions.sent, "answers": sessions.answers}))


if __name__ == "__main__":
    main()
