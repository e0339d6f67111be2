"""The argument of the step, with bounds that a busy machine keeps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from examples.slow import measure, work
from tests.examples.readmes import figures_of, print_measured
from tests.waiting import is_ever

# By the name of an arrangement: seconds until all are answered, the quick one, and all is done.
Measured = Callable[[str], tuple[float, float, float]]

TEN_IN_A_ROW = measure.SLOW * work.SECONDS
ARRANGEMENTS = {each.name: each for each in measure.ARRANGEMENTS}


@pytest.fixture(scope="module")
def printed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Give the figures of the README's command, by the name of an arrangement."""
    heading, *lines = print_measured("slow", tmp_path_factory.mktemp("slow"), installed)
    assert heading.split() == ["arrangement", "answered", "quick", "done", "(seconds)"]
    return figures_of(lines, 3)


@pytest.fixture
def measured(printed: dict[str, list[float]]) -> Measured:
    """Give a function that returns what was printed, and then measures again."""
    unseen = dict(printed)

    def look(name: str) -> tuple[float, float, float]:
        if name in unseen:
            answered, quick, done = unseen.pop(name)
            return answered, quick, done
        return measure.measure(ARRANGEMENTS[name])

    return look


def test_readme_measures_each_arrangement(printed: dict[str, list[float]]) -> None:
    assert list(printed) == list(ARRANGEMENTS)


def test_sync_worker_takes_them_one_after_the_other(measured: Measured) -> None:
    def is_so() -> bool:
        answered, quick, _ = measured("sync")
        assert answered >= TEN_IN_A_ROW
        # On a busy machine the quick request may come before those that it should wait for.
        return quick > TEN_IN_A_ROW / 2

    assert is_ever(is_so)


def test_greenlets_wait_side_by_side(measured: Measured) -> None:
    def is_so() -> bool:
        answered, quick, _ = measured("gevent")
        return answered < TEN_IN_A_ROW / 2 and quick < TEN_IN_A_ROW / 4

    assert is_ever(is_so)


def test_accepted_is_answered_long_before_it_is_done(measured: Measured) -> None:
    def is_so() -> bool:
        answered, quick, done = measured("202 and a thread")
        assert done >= TEN_IN_A_ROW
        return max(answered, quick) < done / 2

    assert is_ever(is_so)


def test_greenlet_that_computes_stops_all_others(measured: Measured) -> None:
    assert is_ever(lambda: measured("gevent, computing")[1] > TEN_IN_A_ROW / 2)


def test_workers_compute_while_requests_are_answered(measured: Measured) -> None:
    def is_so() -> bool:
        answered, quick, done = measured("202 and RQ, computing")
        assert done >= TEN_IN_A_ROW / 2
        return max(answered, quick) < done / 2

    assert is_ever(is_so)
