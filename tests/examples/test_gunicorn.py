"""What the step's table argues, by bounds that lie between waiting (0.4 s or more) and not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from examples.gunicorn import workers
from examples.transcript.machine import has_module
from tests.examples.readmes import figures_of, print_measured
from tests.needs import lacking
from tests.waiting import is_ever

# By the name of a worker type: its four figures, in seconds.
Measured = Callable[[str], tuple[float, float, float, float]]

AT_ONCE = 0.2


@pytest.fixture(scope="module")
def printed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Give the figures of the README's command, in milliseconds."""
    heading, *lines = print_measured("gunicorn", tmp_path_factory.mktemp("gunicorn"), installed)
    assert heading.split()[-1] == "(ms)"
    return figures_of([line for line in lines if "is not installed" not in line], 4)


@pytest.fixture
def measured(printed: dict[str, list[float]]) -> Measured:
    """Give a function that returns what was printed, and then measures again."""
    unseen = dict(printed)

    def look(kind: str) -> tuple[float, float, float, float]:
        if kind in unseen:
            alone, slow_client, stream, first_line = (each / 1000 for each in unseen.pop(kind))
            return alone, slow_client, stream, first_line
        return workers.measure(kind)

    return look


def test_readme_measures_each_kind(printed: dict[str, list[float]]) -> None:
    kinds = [kind for kind in workers.KINDS if kind != "tornado" or has_module("tornado")]
    assert list(printed) == kinds


def test_sync_worker_waits_for_the_others(measured: Measured) -> None:
    def is_so() -> bool:
        # On a busy machine the quick request may come before the one that it should wait for.
        _, slow_client, stream, _ = measured("sync")
        return min(slow_client, stream) > AT_ONCE

    assert is_ever(is_so)


@pytest.mark.parametrize("kind", ["gthread --threads 4", "gevent"])
def test_worker_does_not_wait(kind: str, measured: Measured) -> None:
    assert is_ever(lambda: max(measured(kind)) < AT_ONCE)


def test_tornado_worker_collects_a_stream(measured: Measured) -> None:
    if not has_module("tornado"):
        lacking("tornado", "pip install tornado")

    def is_so() -> bool:
        _, slow_client, _, first_line = measured("tornado")
        assert first_line > 2 * AT_ONCE
        return slow_client < AT_ONCE

    assert is_ever(is_so)


def test_table_says_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "KINDS", ["tornado"])
    monkeypatch.setattr(workers, "has_module", lambda _name: False)
    workers.main()
    assert "is not installed" in capsys.readouterr().out
