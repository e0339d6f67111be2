"""In a process of its own: niceness cannot be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ngw2f.jobs import niceness
from ngw2f.jobs.niceness import be_nice

BE_NICE = """
import os
from ngw2f.jobs.niceness import be_nice
be_nice(3)
print(os.getpriority(os.PRIO_PROCESS, 0))
print(*open("/proc/self/autogroup"))
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no autogroups")
@pytest.mark.parametrize("is_alone", [True, False])
def test_process_is_nice_and_its_session_only_if_it_is_its_own(is_alone: bool) -> None:
    command = [sys.executable, "-c", BE_NICE]
    said = subprocess.check_output(command, text=True, start_new_session=is_alone)
    priority, autogroup = said.splitlines()[:2]
    assert int(priority) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)
    assert autogroup.endswith("nice 3") is is_alone


@pytest.mark.parametrize(
    ("errors", "written"),
    [
        ([], 1),
        ([BlockingIOError, BlockingIOError], 3),
        ([PermissionError], 1),
        ([BlockingIOError] * 9, niceness.TRIES),
    ],
)
def test_kernel_may_refuse_for_a_moment(
    errors: list[type[OSError]], written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def write_text(_path: Path, text: str) -> None:
        tries.append(text)
        if errors:
            raise errors.pop()

    monkeypatch.setattr(os, "nice", lambda _nice: None)
    monkeypatch.setattr(os, "getsid", lambda _pid: os.getpid())
    monkeypatch.setattr(Path, "write_text", write_text)
    monkeypatch.setattr(niceness, "PAUSE_SECONDS", 0)
    be_nice(3)
    assert tries == ["3"] * written
