"""The files of several processes: what is read of them by prometheus-client itself."""

import errno
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from ngw2f.observe.metrics import files
from ngw2f.observe.metrics.families import DELIVERIES, JOB_SECONDS, PROCESSES, STREAMS
from ngw2f.observe.metrics.files import Recorder, ValueFile, begin_anew, fold_dead, read_values
from ngw2f.observe.metrics.tally import Tally
from tests.waiting import wait_until

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def tell(directory: Path, count: int) -> files.Recorder:
    """Count in a process, and return its Recorder."""
    tally = Tally()
    tally.count(DELIVERIES, by=count)
    tally.observe(JOB_SECONDS, count, "sweep")
    tally.set(STREAMS, count, "sse")
    tally.set(PROCESSES, 1, "web")
    recorder = Recorder(directory, tally)
    recorder.start()
    recorder.write()
    return recorder


def told(directory: Path) -> dict[tuple[str, ...], float]:
    """Return what a scrape finds, by name and labels."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call] # It has no types.
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def live_and_hang(directory: Path) -> None:
    # Kept: it lives as long as this process.
    recorder = tell(directory, 10)
    time.sleep(60)
    recorder.close()


def test_processes_add_up(directory: Path) -> None:
    recorders = [tell(directory, 1), tell(directory, 2)]
    found = told(directory)
    assert found["ngw2f_deliveries_total",] == 3
    assert found["ngw2f_streams", "sse"] == 3
    assert found["ngw2f_processes", "web"] == 2
    assert found["ngw2f_job_seconds_count", "sweep"] == 2
    assert found["ngw2f_job_seconds_bucket", "sweep", "1.0"] == 1
    assert found["ngw2f_job_seconds_sum", "sweep"] == 3
    for recorder in recorders:
        recorder.close()


def test_counts_outlive_their_process_and_gauges_do_not(directory: Path) -> None:
    tell(directory, 1).close()
    tell(directory, 2).close()
    living = tell(directory, 4)
    found = told(directory)
    assert found["ngw2f_deliveries_total",] == 7
    assert found["ngw2f_job_seconds_count", "sweep"] == 3
    assert found["ngw2f_streams", "sse"] == 4
    assert found["ngw2f_processes", "web"] == 1
    assert len(list(directory.glob("counter_*"))) == 2
    living.close()


def test_killed_process_is_noticed(directory: Path) -> None:
    process = SPAWN.Process(target=live_and_hang, args=[directory])
    process.start()
    wait_until(lambda: directory.is_dir() and told(directory).get(("ngw2f_streams", "sse")), 60)
    process.kill()
    process.join()
    fold_dead(directory)
    found = told(directory)
    assert found["ngw2f_deliveries_total",] == 10
    assert ("ngw2f_streams", "sse") not in found
    fold_dead(directory)
    assert told(directory) == found


def test_start_forgets_what_has_ended(directory: Path) -> None:
    tell(directory, 1).close()
    begin_anew(directory)
    assert told(directory) == {}


def test_start_beside_others_forgets_nothing(directory: Path) -> None:
    """Another instance still counts, or the master before ours in a hot upgrade."""
    tell(directory, 1).close()
    living = tell(directory, 2)
    begin_anew(directory)
    assert told(directory)["ngw2f_deliveries_total",] == 3
    living.close()


def test_start_where_nothing_is(directory: Path) -> None:
    begin_anew(directory)
    assert not directory.exists()


def test_not_started_writes_nothing(directory: Path) -> None:
    recorder = Recorder(directory, Tally())
    recorder.write()
    recorder.close()
    assert not directory.exists()


def test_full_disk_is_passed_over(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The files have what was written before, and get the rest when there is room."""
    tally = Tally()
    recorder = Recorder(directory, tally)
    recorder.start()
    tally.count(DELIVERIES)
    recorder.write()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        tally.count(DELIVERIES)
        recorder.write()
        recorder.write()
    assert told(directory)["ngw2f_deliveries_total",] == 1
    assert caplog.text.count("No space left") == 1
    recorder.write()
    assert told(directory)["ngw2f_deliveries_total",] == 2
    recorder.close()


def test_directory_that_cannot_be(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory.touch()
    recorder = Recorder(directory, Tally())
    recorder.start()
    recorder.write()
    recorder.close()
    assert "does not count this process" in caplog.text


def test_fold_that_fails_is_tried_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = tell(directory, 3)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ValueFile, "write", fail)
        recorder.close()
    assert "the counts of processes that have ended are not added yet" in caplog.text
    fold_dead(directory)
    assert told(directory)["ngw2f_deliveries_total",] == 3


@pytest.mark.parametrize("length", [0, 5, 8, 20, 60])
def test_file_that_was_cut_off(tmp_path: Path, length: int) -> None:
    file = ValueFile(tmp_path / "counter_1.db")
    file.set("a key of some length, and more of it", 1.5)
    file.write()
    file.close()
    whole = (tmp_path / "counter_1.db").read_bytes()
    assert [value for _, value in read_values(tmp_path / "counter_1.db")] == [1.5]
    (tmp_path / "counter_1.db").write_bytes(whole[:length])
    assert list(read_values(tmp_path / "counter_1.db")) == []
