"""The argument of the step, with bounds that a busy machine keeps."""

from collections.abc import Callable

import pytest

from examples.slow import measure, work
from tests.waiting import is_ever

# By the name of an arrangement: seconds until all are answered, the quick one, and all is done.
Measured = Callable[[str], tuple[float, float, float]]

TEN_IN_A_ROW = measure.SLOW * work.SECONDS
ARRANGEMENTS = {each.name: each for each in measure.ARRANGEMENTS}


@pytest.fixture
def measured() -> Measured:
    return lambda name: measure.measure(ARRANGEMENTS[name])


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
