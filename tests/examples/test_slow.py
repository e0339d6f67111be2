"""The argument of the step, with bounds that a busy machine keeps."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from examples.slow import measure, work

TEN_IN_A_ROW = measure.SLOW * work.SECONDS
ARRANGEMENTS = {each.name: each for each in measure.ARRANGEMENTS}


@pytest.fixture(scope="module")
def figures():
    """Measure side by side those that only wait."""
    names = ["sync", "gevent", "202 and a thread"]
    with ThreadPoolExecutor() as pool:
        measured = pool.map(measure.measure, [ARRANGEMENTS[name] for name in names])
        return dict(zip(names, measured, strict=True))


def test_sync_worker_takes_them_one_after_the_other(figures):
    answered, quick, _ = figures["sync"]
    assert answered >= TEN_IN_A_ROW
    assert quick > TEN_IN_A_ROW / 2


def test_greenlets_wait_side_by_side(figures):
    answered, quick, _ = figures["gevent"]
    assert answered < TEN_IN_A_ROW / 2
    assert quick < TEN_IN_A_ROW / 4


def test_accepted_is_answered_long_before_it_is_done(figures):
    answered, quick, done = figures["202 and a thread"]
    assert max(answered, quick) < TEN_IN_A_ROW / 2
    assert done >= TEN_IN_A_ROW


def test_greenlet_that_computes_stops_all_others():
    _, quick, _ = measure.measure(ARRANGEMENTS["gevent, computing"])
    assert quick > TEN_IN_A_ROW / 2


def test_workers_compute_while_requests_are_answered():
    answered, quick, done = measure.measure(ARRANGEMENTS["202 and RQ, computing"])
    # On a busy machine all of it takes longer.
    assert max(answered, quick) < done / 2
    assert done >= TEN_IN_A_ROW / 2
