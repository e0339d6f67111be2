"""What a WebSocket's events cost, plain and compressed: processor time, bytes, memory.

    python -m benchmarks.websocket [--clients N] [--events N] [--rounds N]

One chat serves N clients of one kind, then of the other; each round has both, in turn, with
messages of several lengths. The processor time is that of the process that serves them.
"""

import argparse
import multiprocessing
import os
import random
import select
import socket
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.servers import Running, chat
from ngw2f.api_resources import Message

WORDS = [f"word{number} " for number in range(2_000)]
LENGTHS = {"short": 3, "long": 100}
# What published events need at most to arrive, and events at once.
SETTLE_SECONDS = 2.0
PAUSE_SECONDS = 0.02
BURST = 2
HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extension}\r\n"
)
KINDS = {"plain": "", "compressed": "Sec-WebSocket-Extensions: permessage-deflate\r\n"}


@dataclass(frozen=True)
class Cost:
    """The cost of one event for one client, and of one client that waits."""

    microseconds: float
    bytes: float
    kilobytes: float


class Clients:
    """Clients that read all that comes, and count its bytes."""

    def __init__(self, port: int, count: int, extension: str) -> None:
        self.received = 0
        self._sockets = [self._connect(port, extension) for _ in range(count)]
        self._poll = select.epoll()
        self._by_number = {each.fileno(): each for each in self._sockets}
        for number in self._by_number:
            self._poll.register(number, select.EPOLLIN)

    def read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for number, _ in self._poll.poll(left):
                self.received += len(self._by_number[number].recv(262_144))

    def close(self) -> None:
        self._poll.close()
        for each in self._sockets:
            each.close()

    def _connect(self, port: int, extension: str) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port))
        head = HANDSHAKE.format(extension=extension)
        client.sendall(head.encode())
        return client


def publish(environment: Mapping[str, str], events: int, words: int) -> None:
    """Store and publish events, a few at once, from a process of their own."""
    os.environ.update(environment)
    from ngw2f.settings import load_settings
    from ngw2f.web.services import build_services

    services, chance = build_services(load_settings()), random.Random(7)
    for first in range(0, events, BURST):
        messages = [_message(first + number, words, chance) for number in range(BURST)]
        with services.core.database.writing() as connection:
            run = services.core.events.record(connection, "message.created", *messages)
        services.core.events.publish(run)
        time.sleep(PAUSE_SECONDS)
    services.close()


def _message(number: int, words: int, chance: random.Random) -> Message:
    text, now = "".join(chance.choices(WORDS, k=words)), time.time()
    return Message.of(1_000_000 + number, 1, 1, text, f"<p>{text}</p>", True, now, now)


def measure(running: Running, kind: str, words: int, clients: int, events: int) -> Cost:
    before = running.memory_bytes()
    crowd = Clients(running.port, clients, KINDS[kind])
    crowd.read_for(SETTLE_SECONDS)
    memory = (running.memory_bytes() - before) / 1_000 / clients
    crowd.received, worked = 0, running.cpu_seconds()
    context = multiprocessing.get_context("spawn")
    publisher = context.Process(target=publish, args=[running.environment, events, words])
    publisher.start()
    while publisher.is_alive():
        crowd.read_for(0.1)
    crowd.read_for(SETTLE_SECONDS)
    worked = running.cpu_seconds() - worked
    crowd.close()
    deliveries = clients * events
    return Cost(worked / deliveries * 1e6, crowd.received / deliveries, memory)


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.websocket", description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    costs: dict[tuple[str, str], list[Cost]] = {}
    with chat(Path()) as running:
        assert running is not None
        # The first clients have costs that arise only once.
        measure(running, "compressed", 3, options.clients, BURST)
        for _ in range(options.rounds):
            for length, words in LENGTHS.items():
                for kind in KINDS:
                    cost = measure(running, kind, words, options.clients, options.events)
                    costs.setdefault((length, kind), []).append(cost)
    print(f"{'message':10}{'frames':12}{'us CPU':>10}{'bytes':>10}{'kB when idle':>15}")
    for (length, kind), found in costs.items():
        print(f"{length:10}{kind:12}{statistics.median(each.microseconds for each in found):10.2f}"
              f"{statistics.median(each.bytes for each in found):10.0f}"
              f"{statistics.median(each.kilobytes for each in found):15.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
