"""The counts of one process, in plain dictionaries, because counting must be cheap."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from ngw2f.observe.metrics.families import SECONDS, Family

Labels = tuple[str, ...]
# The number of observations in each of SECONDS and above the last one, then their sum.
Buckets = list[float]

# As Prometheus writes them.
BOUNDS = [*(str(bound) for bound in SECONDS), "+Inf"]


def no_buckets() -> Buckets:
    return [0.0] * (len(BOUNDS) + 1)


class Tally:
    """Counters, gauges, and histograms of seconds.

    A series is counted by one thread or greenlet; any other may read it meanwhile.
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
        """Yield for each value its family, the ending of its name, its labels, and the value.

        Buckets are not cumulative; adding up the processes makes them so.
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
    """Add an observation to a histogram's buckets."""
    buckets[bisect_left(SECONDS, seconds)] += 1
    buckets[-1] += seconds
