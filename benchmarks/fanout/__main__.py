"""Measure the chat, and the other servers that are installed."""

import argparse
import contextlib
import os
import platform
import signal
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout import lines
from benchmarks.fanout.listeners import compile_load
from benchmarks.fanout.rates import P99_MS, Climb, Load, Measured, measure, spread
from benchmarks.fanout.servers import PEERS, chat

# The goal for the chat: deliveries a second, to 1,000 listeners.
NEEDED_PER_SECOND = 300_000
NEEDED_RATE = 310
# The goal: this multiple of what Node's Socket.IO server sustains, and more than Nchan.
NODE_TIMES = 5


@dataclass(frozen=True)
class Line:
    """A goal and its measurements; the median counts."""

    name: str
    limit: float
    values: list[float]
    is_least: bool = False

    def __str__(self) -> str:
        median = statistics.median(self.values)
        is_met = median >= self.limit if self.is_least else median <= self.limit
        wanted = f"{'>=' if self.is_least else '<='} {self.limit:,g}"
        digits = 0 if median >= 1_000 else 2
        return f"{self.name:50}{wanted:>12}  {spread(self.values, digits):34}" + (
            "met" if is_met else "NOT MET"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--unread-seconds", type=float, default=60.0)
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--only", choices=["lines", "rates"])
    options = parser.parse_args()
    table: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        load = Load(compile_load(Path(directory)), options.listeners, options.seconds)
        if options.only != "lines":
            table += measure_rates(load, Path(directory), options)
        if options.only != "rates":
            table += measure_lines(load, options)
    load_average = f"load {os.getloadavg()[0]:.1f} at the end"
    print(f"\n{os.cpu_count()} CPUs, Python {platform.python_version()}, {load_average}\n")
    print(f"{'':50}{'needed':>12}  median (least to greatest)")
    print(*table, sep="\n")


def measure_lines(load: Load, options: argparse.Namespace) -> list[Line]:
    def line(name: str, limit: float, figure: Callable[[], float], rounds: int = 3) -> Line:
        values = [figure() for _ in range(min(rounds, options.rounds))]
        print(f"  {name}: {spread(values, 2)}", flush=True)
        return Line(name, limit, values)

    print("\nthe chat alone")
    bound = round(lines.unread_bound(), 2)
    return [
        line("one of 10,000 idle clients, KB", 25, lambda: lines.idle_kilobytes(load)),
        line("post to screen, 10 posts/s, p50 ms", 25, lambda: lines.post_to_screen(load)),
        line(
            "worker killed (-9): all back and complete, s",
            5,
            lambda: lines.return_seconds(load, signal.SIGKILL),
        ),
        line(
            "worker restarted: all back and complete, s",
            5,
            lambda: lines.return_seconds(load, signal.SIGTERM),
        ),
        line("SIGTERM with 5,000 streams: worker gone, s", 2, lambda: lines.stop_seconds(load)),
        line(
            f"never reads, {options.unread_seconds:g} s of full load: growth, MB",
            bound,
            lambda: lines.unread_megabytes(load, options.unread_seconds),
            rounds=1,
        ),
    ]


def measure_rates(load: Load, tools: Path, options: argparse.Namespace) -> list[Line]:
    """Measure the required rate, and the highest of each server, in turn."""
    with contextlib.ExitStack() as stack:
        climbs: dict[str, Climb] = {}
        for name, start in {"chat": chat, **PEERS}.items():
            if name != "chat" and name not in options.peers:
                continue
            running = stack.enter_context(start(tools))
            if running is None:
                print(f"{name}: not installed")
            else:
                climbs[name] = Climb(running)
        needed: list[Measured] = []
        for number in range(options.rounds):
            print(
                f"\nround {number + 1} of {options.rounds}, {load.listeners} listeners", flush=True
            )
            needed.append(measure(load, climbs["chat"].running, NEEDED_RATE))
            print(f"  {climbs['chat'].running.name:22}{needed[-1]}  <- needed", flush=True)
            for climb in climbs.values():
                climb.go(load)
    print_climbs(list(climbs.values()))
    return compare(needed, climbs)


def print_climbs(climbs: list[Climb]) -> None:
    print(f"\nthe greatest rate with p99 <= {P99_MS:g} ms: median (least to greatest)")
    for climb in climbs:
        print(f"  {climb.running.name:22}{spread([each.per_second for each in climb.best])} "
              f"deliveries/s, {spread([each.cpu_microseconds for each in climb.best], 2)} "
              "us CPU of the process each")  # fmt: skip


def compare(needed: list[Measured], climbs: dict[str, Climb]) -> list[Line]:
    """Return the goals; figures are compared within each round."""
    complete = [each.per_second if each.is_whole else 0 for each in needed]
    best = {name: [each.per_second for each in climb.best] for name, climb in climbs.items()}
    found = [
        Line("deliveries/s to 1,000 listeners", NEEDED_PER_SECOND, complete, is_least=True),
        Line("their p99, ms", P99_MS, [each.heard.p99_ms for each in needed]),
    ]
    for name, times in (("node", NODE_TIMES), ("nchan", 1)):
        ratios = [own / peer for own, peer in zip(best["chat"], best.get(name, []), strict=False)]
        if ratios:
            found.append(Line(f"times the greatest rate of {name}", times, ratios, is_least=True))
    return found


if __name__ == "__main__":
    main()
