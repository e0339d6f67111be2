"""The rate of requests."""

import time


class Stats:
    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.arrivals: list[float] = []

    def recent(self, now: float) -> list[float]:
        return [arrival for arrival in self.arrivals if arrival > now - self.seconds]

    def note_arrival(self) -> None:
        now = time.time()
        # Keep them only as long as they count.
        self.arrivals = [*self.recent(now), now]

    def requests_per_second(self) -> float:
        return len(self.recent(time.time())) / self.seconds
