"""Find the highest rate at which every listener gets everything in time."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fanout.listeners import Heard, Listeners
from benchmarks.fanout.posters import start_posting
from benchmarks.fanout.servers import Running

P99_MS = 100.0
# Events a second. Each is between a tenth and a third more than the one before.
RATES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 140, 160, 180, 200, 230, 260, 300,
         350, 400, 450, 500, 550, 600, 700, 800, 900, 1_000, 1_200, 1_400, 1_600, 1_800, 2_000,
         2_300, 2_600, 3_000, 3_500, 4_000)  # fmt: skip
WARMUP_SECONDS = 2.0


@dataclass(frozen=True)
class Load:
    """How a rate is measured."""

    program: Path
    listeners: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """One rate, and its result."""

    rate: int
    heard: Heard
    per_second: float
    cpu_microseconds: float
    # Every listener got everything, once, in order.
    is_whole: bool

    @property
    def is_sound(self) -> bool:
        return self.is_whole and self.heard.p99_ms <= P99_MS

    def __str__(self) -> str:
        heard = self.heard
        return (
            f"{self.rate:5} events/s: {self.per_second:8.0f} deliveries/s, p50 {heard.p50_ms} ms, "
            f"p99 {heard.p99_ms} ms, {self.cpu_microseconds:.2f} us CPU each"
            f"{'' if self.is_sound else '  (not sound)'}"
        )


@dataclass
class Climb:
    """A server, and the highest sustained rate of each round."""

    running: Running
    best: list[Measured] = field(default_factory=list)

    def go(self, load: Load) -> None:
        """Raise the rate until two in succession are not sustained; record the best one.

        Later rounds begin below the results of earlier ones, and lower if that is not
        sustained.
        """
        place = self._start()
        found: Measured | None = None
        while place >= 0 and found is None:
            measured = self._measure(load, place)
            found = measured if measured.is_sound else None
            place -= 0 if found else 3
        failures = 0
        while found and failures < 2 and place + 1 < len(RATES):
            place += 1
            measured = self._measure(load, place)
            failures = 0 if measured.is_sound else failures + 1
            found = measured if measured.is_sound else found
        if found is None:
            print(f"  {self.running.name}: no rate is sound")
        else:
            self.best.append(found)

    def _start(self) -> int:
        if not self.best:
            return RATES.index(50)
        reached = statistics.median_low([each.rate for each in self.best])
        return max(0, RATES.index(reached) - 2)

    def _measure(self, load: Load, place: int) -> Measured:
        measured = measure(load, self.running, RATES[place])
        print(f"  {self.running.name:22}{measured}", flush=True)
        return measured


def measure(load: Load, running: Running, rate: int) -> Measured:
    """Have *rate* events a second made, and measure their delivery."""
    events = int(rate * (load.seconds + WARMUP_SECONDS)) + 1
    listeners = Listeners(
        load.program,
        running,
        load.listeners,
        events=events,
        warmup=WARMUP_SECONDS,
        seconds=load.seconds,
    )
    worked = running.cpu_seconds()
    posting = start_posting(running, rate, events)
    heard = listeners.finish()
    worked = running.cpu_seconds() - worked
    posting.join()
    return Measured(
        rate,
        heard,
        # Late events may be counted in a window with others: cap at the number of events.
        min(heard.deliveries / load.seconds, rate * load.listeners),
        worked / max(heard.deliveries * events / (rate * load.seconds), 1) * 1e6,
        heard.complete == load.listeners and not heard.repeated and not heard.lost,
    )


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the median, the minimum and the maximum."""
    if not values:
        return "-"
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"
