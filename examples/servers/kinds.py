"""Processes, threads, greenlets, coroutines: python kinds.py.

`at once`: how many of eight requests wait at the same time. `all`: seconds until all eight are
done. `beside computing`: whether a quick request that arrives while another one computes is done
first.
"""

import socket
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from examples.transcript.machine import has_module
from examples.transcript.stage import Stage

CLIENTS = 8
SECONDS = 0.15
UVICORN = "uvicorn --port 8000 asgi:application"


class Kind(NamedTuple):
    command: str
    name: str
    wait: str = "/wait"
    compute: str = "/compute"


KINDS = [
    Kind("gunicorn --workers 2 work:application", "2 processes"),
    Kind("gunicorn --threads 4 work:application", "4 threads"),
    Kind("gunicorn --worker-class gevent work:application", "gevent"),
    Kind(UVICORN, "asyncio"),
    Kind(UVICORN, "asyncio, no await", wait="/wait-without-await"),
    Kind(UVICORN, "asyncio and thread", compute="/compute-in-thread"),
]


def main() -> None:
    print(f"{'kind':<20}{'at once':>8}{'all':>6}   beside computing")
    for command, kinds in groupby(KINDS, lambda kind: kind.command):
        if command == UVICORN and not has_module("uvicorn"):
            print("uvicorn is not installed")
            continue
        with Stage(Path(__file__).parent) as stage:
            port = stage.serve(command)
            for kind in kinds:
                at_once, seconds = wait_at_once(port, f"{kind.wait}?{SECONDS}")
                is_passed = passes(port, f"{kind.compute}?{SECONDS}")
                place = "done first" if is_passed else "waits for its end"
                print(f"{kind.name:<20}{at_once:>8}{seconds:>6.2f}   {place}", flush=True)


def wait_at_once(port: int, target: str) -> tuple[int, float]:
    """Send eight requests; return how many waited at once, and the seconds until all were done."""
    Asked(port, "/").times()  # A worker's first request is slower than all others.
    waiting = [Asked(port, target) for _ in range(CLIENTS)]
    spans = [each.times() for each in waiting]
    at_once = max(sum(a <= begun < b for a, b in spans) for begun, _ in spans)
    return at_once, max(done for _, done in spans) - min(begun for begun, _ in spans)


def passes(port: int, target: str) -> bool:
    """Return whether a quick request is done before one that is already computing."""
    computing = Asked(port, target)
    computing.wait_for_begin()
    _, quick_done = Asked(port, "/").times()
    return quick_done < computing.times()[1]


class Asked:
    """A sent request, and the server's times of its begin and end."""

    def __init__(self, port: int, target: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), 60)
        self.connection.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        self.answer = self.connection.makefile("rb")
        self.begun = 0.0

    def wait_for_begin(self) -> None:
        while not self.begun:
            word, _, when = self.answer.readline().partition(b" ")
            self.begun = float(when) if word == b"begun" else 0.0

    def times(self) -> tuple[float, float]:
        self.wait_for_begin()
        done = float(self.answer.readline().removeprefix(b"done "))
        self.answer.close()
        self.connection.close()
        return self.begun, done


if __name__ == "__main__":
    main()
