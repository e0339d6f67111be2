"""What the tables of the servers argue, by counts and orders that no machine is too slow for.

What arithmetic forbids is asserted of each measurement. What a busy machine may hide is asked
again with longer requests, beside which whatever the machine is busy with is short.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from examples.servers import kinds, rule
from examples.transcript.machine import has_module
from examples.transcript.stage import Stage
from tests.needs import lacking

FOLDER = Path(kinds.__file__).parent
# What a request takes. The second is for a busy machine, the third for a hopeless one.
SECONDS = [0.05, 0.5, 2.5]
# Most requests that wait at once, and whether a quick one passes one that computes.
EXPECTED = {
    "2 processes": (2, True),
    "4 threads": (4, True),
    "gevent": (8, False),
    "asyncio": (8, False),
    "asyncio, no await": (1, False),
    "asyncio and thread": (8, True),
}
COMMANDS = {
    command: list(group) for command, group in groupby(kinds.KINDS, lambda kind: kind.command)
}


def test_each_kind_has_an_expectation() -> None:
    assert [kind.name for kind in kinds.KINDS] == list(EXPECTED)


@pytest.mark.parametrize("command", COMMANDS)
def test_kind_waits_and_computes(command: str) -> None:
    if command == kinds.UVICORN and not has_module("uvicorn"):
        lacking("uvicorn", "pip install uvicorn")
    with Stage(FOLDER) as stage:
        port = stage.serve(command)
        for kind in COMMANDS[command]:
            most, is_passed = EXPECTED[kind.name]
            assert any(waits(port, kind, most, seconds) for seconds in SECONDS), kind.name
            assert any(passes(port, kind, seconds) == is_passed for seconds in SECONDS), kind.name


def waits(port: int, kind: kinds.Kind, most: int, seconds: float) -> bool:
    at_once, all_seconds = kinds.wait_at_once(port, f"{kind.wait}?{seconds}")
    assert at_once <= most
    # Less a little, as the timers of event loops are coarse.
    assert all_seconds >= 0.9 * seconds * kinds.CLIENTS / most
    return at_once == most


def passes(port: int, kind: kinds.Kind, seconds: float) -> bool:
    is_passed = kinds.passes(port, f"{kind.compute}?{seconds}")
    # Where one thread does all, nothing may pass; elsewhere it may be late.
    assert EXPECTED[kind.name][1] or not is_passed
    return is_passed


@pytest.fixture
def processors() -> Iterator[int]:
    """Keep what a test starts to two processors."""
    kept = os.sched_getaffinity(0)
    yield rule.keep_two_processors()
    os.sched_setaffinity(0, kept)


def test_workers_gain_no_more_than_arithmetic_allows(processors: int) -> None:
    workers, seconds = 2 * processors, SECONDS[0]
    row = rule.measure(workers, clients=2 * workers, seconds=seconds)
    assert all(median >= seconds for _, median in row.values())
    # A request takes its wait from a worker, and its processor time from a processor.
    rates = {kind: rate * seconds for kind, (rate, _) in row.items()}
    assert rates["wait"] <= workers
    assert rates["half"] <= 2 * processors
    assert rates["compute"] <= processors


def test_workers_beyond_processors_gain_by_waiting(processors: int) -> None:
    workers = 2 * processors

    def gains(seconds: float) -> bool:
        row = rule.measure(workers, clients=workers, kinds=["wait"], seconds=seconds)
        return row["wait"][0] * seconds > processors

    assert any(gains(seconds) for seconds in SECONDS)


def test_table_says_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kinds, "KINDS", COMMANDS[kinds.UVICORN])
    monkeypatch.setattr(kinds, "has_module", lambda _name: False)
    kinds.main()
    assert "is not installed" in capsys.readouterr().out


def test_worker_waits_longer_for_a_typist_than_by_default() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--print-config", "counter:application"], cwd=FOLDER,
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    [seconds] = re.findall(r"(?m)^timeout\s+= (\d+)$", printed)
    assert int(seconds) >= 300
