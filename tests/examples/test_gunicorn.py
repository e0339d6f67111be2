from concurrent.futures import ThreadPoolExecutor

import pytest

from examples.gunicorn import workers
from examples.transcript.machine import has_module
from tests.needs import lacking


@pytest.fixture(scope="module")
def figures():
    """Measure all worker types at once: they mostly wait."""
    kinds = [kind for kind in workers.KINDS if kind != "tornado" or has_module("tornado")]
    with ThreadPoolExecutor() as pool:
        return dict(zip(kinds, pool.map(workers.measure, kinds), strict=True))


def test_sync_worker_waits_for_the_others(figures):
    _, slow_client, stream, first_line = figures["sync"]
    assert min(slow_client, stream) > 0.2
    assert first_line < 0.2


@pytest.mark.parametrize("kind", ["gthread --threads 4", "gevent"])
def test_worker_does_not_wait(figures, kind):
    assert max(figures[kind]) < 0.2


def test_tornado_worker_collects_a_stream(figures):
    if "tornado" not in figures:
        lacking("tornado", "pip install tornado")
    _, slow_client, _, first_line = figures["tornado"]
    assert slow_client < 0.2
    assert first_line > 0.4


def test_table_says_what_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(workers, "KINDS", ["tornado"])
    monkeypatch.setattr(workers, "has_module", lambda _name: False)
    workers.main()
    assert "is not installed" in capsys.readouterr().out
