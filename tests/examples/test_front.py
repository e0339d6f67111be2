"""What the tables argue: nothing waits behind nginx, and each layer is missed where it is not.

Whoever waits has come after the others, and whoever does not is answered while they go on: this is
so on a busy machine too. There it takes longer, so that patience may be long where it is not used.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.front import measure, peel
from examples.transcript.stage import Stage
from tests.examples.needs import lacking_as_in_transcripts

LAYERS = Path(measure.__file__).parent / "layers.md"
AT_A_TIME = 5
# Many machines let a process have 1,024 files open, and some runs are at the same time.
IDLE = 20
# Seconds that only a test which fails waits for.
LONG = 60.0
SHORT = 0.2


def rows_of(name: str) -> list[str]:
    """Return the rows that come of a short patience and of longer ones, as far as is needed."""
    said = LAYERS.read_text(encoding="utf-8")
    rows = []
    for patience in (SHORT, 5, LONG):
        rows.append(peel.row(name, patience))
        if rows[-1] in said:
            break
    return rows


RUNS: dict[Any, Callable[[], Any]] = {
    ("sync", False): partial(measure.delays, "sync", nginx=False, patience=SHORT),
    ("gthread", False): partial(measure.delays, measure.KINDS[1], nginx=False, patience=SHORT),
    ("gevent", False): partial(measure.delays, "gevent", nginx=False, patience=LONG),
    **{
        (kind, True): partial(measure.delays, kind, nginx=True, patience=LONG)
        for kind in measure.KINDS
    },
    **{name: partial(rows_of, name) for name in peel.STACKS},
    **{
        ("file", nginx): partial(measure.cost_of_file, "sync", nginx=nginx)
        for nginx in (False, True)
    },
}


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[Any, Future[Any]]]:
    """Begin all, a few at a time, since most of it waits; give the futures."""
    with lacking_as_in_transcripts(), Stage(LAYERS.parent) as stage:
        stage.check("nginx: apt install nginx")
        stage.check("import flask: pip install flask")
    with ThreadPoolExecutor(AT_A_TIME) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "IDLE", IDLE)
        yield {name: pool.submit(run) for name, run in RUNS.items()}
        pool.shutdown(cancel_futures=True)


def test_sync_worker_alone_waits_for_each_kind_of_client(runs: dict[Any, Future[Any]]) -> None:
    assert min(runs["sync", False].result()) >= 1000 * SHORT


def test_threads_alone_are_taken_by_as_many_clients(runs: dict[Any, Future[Any]]) -> None:
    delays = runs["gthread", False].result()
    assert min(delays.slow_client, delays.slow_reader) >= 1000 * SHORT


def test_gevent_alone_waits_for_nobody(runs: dict[Any, Future[Any]]) -> None:
    assert max(runs["gevent", False].result()) < 1000 * LONG


@pytest.mark.parametrize("kind", measure.KINDS)
def test_nobody_waits_behind_nginx(kind: str, runs: dict[Any, Future[Any]]) -> None:
    assert max(runs[kind, True].result()) < 1000 * LONG


def test_file_costs_less_processor_time_from_nginx(runs: dict[Any, Future[Any]]) -> None:
    assert runs["file", True].result() < runs["file", False].result() / 2


@pytest.mark.parametrize("name", peel.STACKS)
def test_each_layer_is_missed_as_the_page_says(name: str, runs: dict[Any, Future[Any]]) -> None:
    *_, row = runs[name].result()
    assert row in LAYERS.read_text(encoding="utf-8")
