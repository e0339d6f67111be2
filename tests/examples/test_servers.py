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
from tests.examples.readmes import figures_of, print_measured
from tests.needs import lacking

# By its name a number of workers, and for each kind of request a second's requests, and the median
# in milliseconds.
Rows = dict[str, tuple[int, dict[str, tuple[float, float]]]]

FOLDER = Path(kinds.__file__).parent
# What a request takes where the README's commands have shown too little: on a busy machine, and
# on a hopeless one.
SECONDS = [0.5, 2.5]
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


@pytest.fixture(scope="module")
def printed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give the lines of the README's commands: two headings, four rows, and one for each kind."""
    with pytest.MonkeyPatch.context() as patch:
        # Arithmetic holds for few as well, and each of them computes.
        patch.setenv("REQUESTS_PER_CLIENT", "1")
        return print_measured("servers", tmp_path_factory.mktemp("servers"), installed)


@pytest.mark.parametrize("command", COMMANDS)
def test_kind_waits_and_computes(command: str, printed: list[str]) -> None:
    if command == kinds.UVICORN and not has_module("uvicorn"):
        lacking("uvicorn", "pip install uvicorn")
    assert printed[5].split() == ["kind", "at", "once", "all", "beside", "computing"]
    table = {line[:20].strip(): line[20:].split(maxsplit=2) for line in printed[6:]}
    for kind in COMMANDS[command]:
        at_once, all_seconds, place = table[kind.name]
        waited = is_waiting(kind, int(at_once), float(all_seconds), kinds.SECONDS)
        passed = is_passing(kind, is_passed=place == "done first")
        if not (waited and passed):
            look_again(kind)


def look_again(kind: kinds.Kind) -> None:
    with Stage(FOLDER) as stage:
        port = stage.serve(kind.command)
        assert any(
            is_waiting(kind, *kinds.wait_at_once(port, f"{kind.wait}?{seconds}"), seconds)
            for seconds in SECONDS
        ), kind.name
        assert any(
            is_passing(kind, is_passed=kinds.passes(port, f"{kind.compute}?{seconds}"))
            for seconds in SECONDS
        ), kind.name


def is_waiting(kind: kinds.Kind, at_once: int, all_seconds: float, seconds: float) -> bool:
    """Say whether as many waited at once as can; more cannot, nor be done sooner."""
    most, _ = EXPECTED[kind.name]
    assert at_once <= most
    # Less a little, as the timers of event loops are coarse.
    assert all_seconds >= 0.9 * seconds * kinds.CLIENTS / most
    return at_once == most


def is_passing(kind: kinds.Kind, *, is_passed: bool) -> bool:
    """Say whether a quick request has passed one that computes, or not, as it should."""
    _, may_pass = EXPECTED[kind.name]
    # Where one thread does all, nothing may pass; elsewhere it may be late.
    assert may_pass or not is_passed
    return is_passed == may_pass


@pytest.fixture(scope="module")
def rows(printed: list[str]) -> Rows:
    assert printed[0].split() == ["workers", "wait", "ms", "half", "ms", "compute", "ms"]
    found: Rows = {}
    for name, row in figures_of(printed[1:5], 6).items():
        figures = zip(row[::2], row[1::2], strict=True)
        words, _, workers = name.partition(" = ")
        found[words] = int(workers), dict(zip(rule.KINDS, figures, strict=True))
    assert list(found) == ["1", "n", "2n+1", "4n"]
    return found


def test_workers_gain_no_more_than_arithmetic_allows(
    rows: Rows,
) -> None:
    processors, _ = rows["n"]
    for workers, row in rows.values():
        assert all(median >= 1000 * rule.SECONDS for _, median in row.values())
        # A request takes its wait from a worker, and its processor time from a processor.
        rates = {kind: rate for kind, (rate, _) in row.items()}
        assert rates["wait"] <= round(workers / rule.SECONDS)
        assert rates["half"] <= round(2 * processors / rule.SECONDS)
        assert rates["compute"] <= round(processors / rule.SECONDS)


@pytest.fixture
def processors() -> Iterator[int]:
    """Keep what a test starts to two processors."""
    kept = os.sched_getaffinity(0)
    yield rule.keep_two_processors()
    os.sched_setaffinity(0, kept)


def test_workers_beyond_processors_gain_by_waiting(processors: int, rows: Rows) -> None:
    def gains(seconds: float) -> bool:
        row = rule.measure(2 * processors, clients=2 * processors, kinds=["wait"], seconds=seconds)
        return row["wait"][0] * seconds > processors

    _, row = rows["2n+1"]
    assert row["wait"][0] * rule.SECONDS > processors or any(map(gains, SECONDS))


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
