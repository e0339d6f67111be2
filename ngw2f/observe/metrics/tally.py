"""The counts of one process, in plain dictionaries: counting must cost next to nothing."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from ngw2f.observe.metrics.families import SECONDS, Family

Labels = tuple[str, ...]
# How many observations were at most each of SECONDS, and above the last; then their sum.
Buckets = list[float]

# As Prometheus writes them.
BOUNDS = [*(str(bound) for bound in SECONDS), "+Inf"]


def no_buckets() -> Buckets:
    return [0.0] * (len(BOUNDS) + 1)


class Tally:
    """Counts that only grow, gauges that are set, and histograms of seconds.

    One thread or greenlet counts a series; any other may read meanwhile.
    """

    def __init__(self) -> None:
        self._values: dict[Family, defaultdict[Labels, float]] = {}
        self._buckets: dict[Family, defaultdict[Labels, Buckets]] = {}

    def values(self, family: Family) -> defaultdict[Labels, float]:
        """Return the series of a counter or a gauge, by labels."""
        return self._values.setdefault(family, defaultdict(float))

    def buckets(self, family: Family) -> defaultdict[Labels, Buckets]:
        """Return the series of a histogram, by labels."""
        return self._buckets.setdefault(family, defaultdict(no_buckets))

    def count(self, family: Family, *labels: str, by: float = 1) -> None:
        self.values(family)[labels] += by

    def set(self, family: Family, value: float, *labels: str) -> None:
        self.values(family)[labels] = value

    def observe(self, family: Family, seconds: float, *labels: str) -> None:
        note(self.buckets(family)[labels], seconds)

    def samples(self) -> Iterator[tuple[Family, str, dict[str, str], float]]:
        """Yield each value: its family, the ending of its name, its labels, and the value.

        The buckets are not accumulated yet: who adds up processes does that.
        """
        for family, series in list(self._values.items()):
            ending = "_total" if family.kind == "counter" else ""
            for labels, value in list(series.items()):
                yield family, ending, dict(zip(family.labels, labels, strict=True)), value
        for family, histogram in list(self._buckets.items()):
            for labels, buckets in list(histogram.items()):
                named = dict(zip(family.labels, labels, strict=True))
                for bound, value in zip(BOUNDS, buckets, strict=False):
                    yield family, "_bucket", {**named, "le": bound}, value
                yield family, "_sum", named, buckets[-1]


def note(buckets: Buckets, seconds: float) -> None:
    """Put an observation into a histogram's buckets."""
    buckets[bisect_left(SECONDS, seconds)] += 1
    buckets[-1] += seconds
