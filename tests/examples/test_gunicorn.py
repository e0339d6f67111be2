"""What the step's table argues, by bounds that lie between waiting (0.4 s or more) and not."""

import pytest

from examples.gunicorn import workers
from examples.transcript.machine import has_module
from tests.needs import lacking
from tests.waiting import is_ever

AT_ONCE = 0.2


def test_sync_worker_waits_for_the_others() -> None:
    def is_so() -> bool:
        # On a busy machine the quick request may come before the one that it should wait for.
        _, slow_client, stream, _ = workers.measure("sync")
        return min(slow_client, stream) > AT_ONCE

    assert is_ever(is_so)


@pytest.mark.parametrize("kind", ["gthread --threads 4", "gevent"])
def test_worker_does_not_wait(kind: str) -> None:
    assert is_ever(lambda: max(workers.measure(kind)) < AT_ONCE)


def test_tornado_worker_collects_a_stream() -> None:
    if not has_module("tornado"):
        lacking("tornado", "pip install tornado")

    def is_so() -> bool:
        _, slow_client, _, first_line = workers.measure("tornado")
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
