"""What the chat did in the last hour, minute by minute, over all processes and machines.

Redis has a hash for each minute, which expires. Each process adds what it has counted in one round
trip, now and then, so that counting costs a request nothing.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from redis import Redis

from ngw2f.broker.connection import Broker

MINUTES = 60
SECONDS_A_MINUTE = 60
TTL_SECONDS = (MINUTES + 5) * SECONDS_A_MINUTE
# How often a web process adds its counts.
NOTE_SECONDS = 10.0

REQUESTS, DELIVERIES, RENDERED, WAITED, QUEUE = (
    "requests", "deliveries", "rendered", "waited", "queue",
)  # fmt: skip
STREAMS = "streams:"


class Minute(msgspec.Struct, frozen=True):
    """One minute, which began *at* this Unix time."""

    at: int
    requests: int
    # Events handed to clients.
    deliveries: int
    # Clients that followed the events, as counted last in it.
    streams: int
    # From a post to its HTML, on average; None: nothing was rendered.
    render_seconds: float | None
    # Messages that waited for a worker, as counted last in it; None: nobody counted them.
    queue: int | None


class History:
    """Adds to the current minute, and reads them all."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        # Of this process; made when it is first used, so after any fork.
        self._name = ""
        self._added: dict[str, int] = {}

    def note_web(self, *, requests: int, deliveries: int, streams: int) -> None:
        """Add what this process has counted since it was started, and who follows it now."""
        totals = {REQUESTS: requests, DELIVERIES: deliveries}
        new = {name: total - self._added.get(name, 0) for name, total in totals.items()}
        self._name = self._name or secrets.token_hex(4)
        if self._write(new, {STREAMS + self._name: streams} if streams else {}):
            self._added = totals

    def note_rendered(self, waited: Sequence[float]) -> None:
        """Add messages that were rendered, and how many seconds each of them had waited."""
        if waited:
            self._write({RENDERED: len(waited), WAITED: sum(map(_milliseconds, waited))}, {})

    def note_queue(self, waiting: int) -> None:
        """Note how many messages wait to be rendered."""
        self._write({}, {QUEUE: waiting})

    def read(self) -> list[Minute]:
        """Return the last hour, oldest first, up to the last whole minute; [] without Redis."""
        current = int(time.time() // SECONDS_A_MINUTE)
        numbers = range(current - MINUTES, current)

        def ask(redis: Redis) -> list[Mapping[bytes, bytes]]:
            pipeline = redis.pipeline(transaction=False)
            for number in numbers:
                pipeline.hgetall(self._key(number))
            found: list[Mapping[bytes, bytes]] = pipeline.execute()
            return found

        nothing: list[Mapping[bytes, bytes]] = []
        found = self._broker.attempt(ask, nothing)
        return [_minute(number, counts) for number, counts in zip(numbers, found, strict=False)]

    def _write(self, added: Mapping[str, int], last: Mapping[str, int]) -> bool:
        added = {name: count for name, count in added.items() if count}
        if not added and not last:
            return True
        key = self._key(int(time.time() // SECONDS_A_MINUTE))
        write = _writer(key, added, last)
        return self._broker.attempt(write, otherwise=False)

    def _key(self, number: int) -> str:
        return self._broker.key(f"minute:{number}")


def _writer(key: str, added: Mapping[str, int], last: Mapping[str, int]) -> Callable[[Redis], bool]:
    def write(redis: Redis) -> bool:
        pipeline = redis.pipeline(transaction=False)
        for name, count in added.items():
            pipeline.hincrby(key, name, count)
        if last:
            pipeline.hset(key, items=[each for pair in last.items() for each in pair])
        pipeline.expire(key, TTL_SECONDS)
        pipeline.execute()
        return True

    return write


def _minute(number: int, found: Mapping[bytes, bytes]) -> Minute:
    counts = {name.decode(): int(count) for name, count in found.items()}
    rendered = counts.get(RENDERED)
    return Minute(
        number * SECONDS_A_MINUTE,
        counts.get(REQUESTS, 0),
        counts.get(DELIVERIES, 0),
        sum(count for name, count in counts.items() if name.startswith(STREAMS)),
        counts.get(WAITED, 0) / 1000 / rendered if rendered else None,
        counts.get(QUEUE),
    )


def _milliseconds(seconds: float) -> int:
    # Clocks of two machines differ.
    return max(0, round(seconds * 1000))
