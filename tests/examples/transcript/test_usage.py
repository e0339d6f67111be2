"""Processor time is that of the programs of one folder."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.transcript.usage import processes_in, processor_seconds, ticks_of

BUSY = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\ninput()"


@contextmanager
def program(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that takes a tenth of a second of processor time and then waits."""
    command, pipe = [sys.executable, "-c", BUSY], subprocess.PIPE
    with subprocess.Popen(command, cwd=directory, stdin=pipe, stdout=pipe) as running:
        assert running.stdout is not None
        try:
            running.stdout.readline()
            yield running
        finally:
            running.kill()


def test_programs_of_a_folder_are_counted(tmp_path: Path) -> None:
    with program(tmp_path) as one, program(tmp_path) as other:
        assert set(processes_in(tmp_path)) == {one.pid, other.pid}
        assert processor_seconds(tmp_path) >= 0.18


def test_folder_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to("here")
    with program(tmp_path / "here") as running:
        assert processes_in(tmp_path / "link") == [running.pid]


def test_programs_of_other_folders_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with program(tmp_path):
        assert processor_seconds(tmp_path / "here") == 0


def test_program_that_has_ended_took_nothing(tmp_path: Path) -> None:
    with program(tmp_path) as running:
        assert ticks_of(running.pid) > 0
    assert ticks_of(running.pid) == 0
