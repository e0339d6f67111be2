import pytest

from ngw2f.observe.metrics.families import DELIVERIES, REQUEST_SECONDS, SECONDS, STREAMS
from ngw2f.observe.metrics.tally import Tally, note


@pytest.fixture
def tally() -> Tally:
    return Tally()


def samples(tally: Tally) -> dict[tuple[str, ...], float]:
    return {
        (family.name + ending, *labels.values()): value
        for family, ending, labels, value in tally.samples()
    }


def test_counts_add_up(tally: Tally) -> None:
    tally.count(DELIVERIES)
    tally.count(DELIVERIES, by=2)
    assert samples(tally) == {("ngw2f_deliveries_total",): 3}


def test_gauges_are_set(tally: Tally) -> None:
    tally.set(STREAMS, 5, "sse")
    tally.set(STREAMS, 4, "sse")
    assert samples(tally) == {("ngw2f_streams", "sse"): 4}


def test_each_observation_is_in_one_bucket(tally: Tally) -> None:
    for seconds in (0.0, SECONDS[0], 0.003, 60.0):
        tally.observe(REQUEST_SECONDS, seconds, "/")
    found = {key[2:]: value for key, value in samples(tally).items() if value}
    assert found == {
        ("0.0005",): 2,
        ("0.005",): 1,
        ("+Inf",): 1,
        (): pytest.approx(60.0035),
    }


def test_series_are_told_apart(tally: Tally) -> None:
    note(tally.buckets(REQUEST_SECONDS)[("/a",)], 1)
    note(tally.buckets(REQUEST_SECONDS)[("/b",)], 2)
    sums = {key[1]: value for key, value in samples(tally).items() if key[0].endswith("_sum")}
    assert sums == {"/a": 1, "/b": 2}
