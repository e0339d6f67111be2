from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from middleware.chain import Layer
from middleware.request_id import RequestIDMiddleware
from middleware.xray import Recorder, Recording, SharedTraces, Trace, ladder, lint, record, span
from middleware.xray import shared as module
from middleware.xray.export import as_json
from middleware.xray.packing import pack, unpack
from middleware.xray.spans import Span, outside
from tests.middleware.serving import BrokenError, TrackedBody, answering, serve
from tests.waiting import wait_until

LAYERS = [
    Layer("request id", RequestIDMiddleware, ""),
    Layer("copying", lambda app: lambda environ, start: app({**environ, "test.new": 1}, start), ""),
]


def working(environ, start_response):  # type: ignore[no-untyped-def]
    with span("sql", "SELECT 1") as work:
        work.set(rows=3)
    return answering(headers=[("Content-Length", "9")])(environ, start_response)


def recorded(*paths: str) -> Recording:
    recording = record(working, LAYERS)
    for path in paths:
        serve(recording, path)
    return recording


@pytest.fixture
def shared(tmp_path: Path) -> SharedTraces:
    """Give what another process sees of what this one writes."""
    return SharedTraces(tmp_path / "xray")


@pytest.fixture
def write(shared: SharedTraces) -> Callable[..., None]:
    """Give a function that writes traces as a process with another number does."""

    def run(*traces: Trace, process: int = 1) -> None:
        writer = SharedTraces(shared.directory)
        writer.process = process
        writer.bytes = module.MAX_FILE_BYTES
        writer.waiting.extend(traces)
        writer.flush()

    return run


def test_trace_is_the_same_after_its_journey() -> None:
    trace = recorded("/a").trace
    trace.set(route="/a")
    trace.show_outside(lambda trace: [outside("nginx", -0.25, 0.125)])
    again = unpack(json.loads(json.dumps(pack(trace))))
    assert ladder(again, lint(again)) == ladder(trace, lint(trace))
    assert as_json(again, lint(again)) == as_json(trace, lint(trace))


def test_error_survives_the_journey() -> None:
    recording = record(answering(TrackedBody(error=BrokenError("it broke"))), LAYERS)
    with pytest.raises(BrokenError):
        serve(recording)
    again = unpack(json.loads(json.dumps(pack(recording.trace))))
    assert "! BrokenError it broke" in ladder(again)


def test_traces_of_others_are_seen(shared: SharedTraces, write: Callable[..., None]) -> None:
    one, two, three = recorded("/one", "/two", "/three").traces
    write(one, three)
    write(two, process=2)
    assert [trace.path for trace in shared.newest(200)] == ["/one", "/two", "/three"]
    assert [trace.path for trace in shared.newest(2)] == ["/two", "/three"]
    assert shared.newest(0) == []
    found = shared.find(two.id)
    assert found
    assert found.path == "/two"
    assert shared.find("1-1") is None


def test_own_traces_are_not_read_again(shared: SharedTraces, write: Callable[..., None]) -> None:
    write(recorded("/a").trace, process=os.getpid())
    assert shared.newest(200) == []


def test_nothing_is_there_at_first(shared: SharedTraces) -> None:
    assert shared.newest(200) == []


def test_file_is_its_owners(shared: SharedTraces, write: Callable[..., None]) -> None:
    write(recorded("/a").trace)
    (path,) = shared.directory.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert shared.directory.stat().st_mode & 0o777 == 0o700


def test_what_ends_is_written_by_a_thread(shared: SharedTraces) -> None:
    recorder = Recorder(ended=shared.add)
    serve(recorder.probe("app", answering()), "/a")
    path = shared.directory / f"{os.getpid()}.traces"
    wait_until(lambda: path.exists() and b'"/a"' in path.read_bytes(), 60)
    serve(recorder.probe("app", answering()), "/b")
    wait_until(lambda: b'"/b"' in path.read_bytes(), 60)
    assert sum(thread.name == "xray" for thread in threading.enumerate()) >= 1


def test_full_disk_is_no_end(shared: SharedTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def write(lines: list[bytes]) -> None:
        tries.append(lines)
        raise OSError

    monkeypatch.setattr(shared, "write", write)
    shared.add(recorded("/a").trace)
    wait_until(lambda: len(tries) == 1, 60)
    shared.add(recorded("/a").trace)
    wait_until(lambda: len(tries) == 2, 60)


def test_trace_that_cannot_be_told_is_left_out(shared: SharedTraces) -> None:
    def broken(trace: Trace) -> list[Span]:
        raise ZeroDivisionError

    shared.process, shared.bytes = 1, module.MAX_FILE_BYTES
    one, two = recorded("/one", "/two").traces
    one.show_outside(broken)
    shared.waiting.extend([one, two])
    shared.flush()
    assert [trace.path for trace in SharedTraces(shared.directory).newest(9)] == ["/two"]


class FullFile(io.FileIO):
    """A file of which the disk takes the first bytes only."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        super().write(data[:8])
        raise OSError("full")


def test_what_a_full_disk_cut_is_written_again(
    shared: SharedTraces, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.process, shared.bytes = 1, module.MAX_FILE_BYTES
    one, two, three = recorded("/one", "/two", "/three").traces
    shared.waiting.append(one)
    shared.flush()
    shared.waiting.append(two)
    with monkeypatch.context() as patched:
        patched.setattr(module, "open_private", lambda path, how: FullFile(path, "ab"))
        with pytest.raises(OSError, match="full"):
            shared.flush()
    shared.waiting.append(three)
    shared.flush()
    reader = SharedTraces(shared.directory)
    assert [trace.path for trace in reader.newest(9)] == ["/one", "/two", "/three"]


def test_folder_that_was_removed_is_made_again(shared: SharedTraces) -> None:
    shared.process, shared.bytes = 1, module.MAX_FILE_BYTES
    for trace in recorded("/one", "/two", "/three").traces:
        shared.waiting.append(trace)
        with suppress(FileNotFoundError):
            shared.flush()
        if trace.path == "/one":
            shutil.rmtree(shared.directory)
    reader = SharedTraces(shared.directory)
    assert [trace.path for trace in reader.newest(9)] == ["/one", "/two", "/three"]


@pytest.mark.parametrize("attack", ["writable", "of another user", "link"])
def test_folder_in_which_others_may_write_is_not_used(
    shared: SharedTraces,
    write: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    attack: str,
) -> None:
    write(recorded("/a").trace)
    assert len(shared.newest(9)) == 1
    if attack == "writable":
        shared.directory.chmod(0o777)
    elif attack == "link":
        shared.directory.symlink_to(shared.directory.rename(shared.directory.with_name("other")))
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 10**9)
    assert shared.newest(9) == []
    with pytest.raises(PermissionError):
        write(recorded("/b").trace, process=2)


def test_fork_begins_anew(tmp_path: Path) -> None:
    program = f"""
import os, sys, time
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from middleware.xray import SharedTraces, record
from tests.middleware.serving import answering, serve

shared = SharedTraces(Path({str(tmp_path)!r}))
recording = record(answering())
serve(recording, "/parent")
shared.add(recording.trace)
while not shared.written:
    time.sleep(0.01)
child = os.fork()
serve(recording, "/child" if child == 0 else "/again")
shared.add(recording.trace)
while not list(shared.directory.glob(f"{{os.getpid()}}.traces")) or shared.waiting:
    time.sleep(0.01)
if child:
    os.waitpid(child, 0)
    assert [trace.path for trace in shared.newest(9)] == ["/child"]
"""
    # Since Python 3.12 a process with threads is warned of a fork.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_file_is_bounded(shared: SharedTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 60_000)
    shared.process, shared.bytes = 1, 60_000
    (shared.directory.parent / "1.traces").write_text("an earlier process's")
    traces = recorded(*(f"/{number}" for number in range(30))).traces
    for trace in traces:
        shared.waiting.append(trace)
        shared.flush()
        (path,) = shared.directory.iterdir()
        assert path.stat().st_size <= 60_000
    reader = SharedTraces(shared.directory)
    assert reader.newest(1)[0].path == "/29"
    assert 1 < len(reader.newest(200)) < 30


def test_trace_that_is_too_large_is_left_out(
    shared: SharedTraces, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TRACE_BYTES", 100)
    write(recorded("/a").trace)
    assert not shared.directory.exists()


def test_only_so_many_of_a_process_are_read(tmp_path: Path, write: Callable[..., None]) -> None:
    write(*recorded(*map(str, range(5))).traces)
    assert len(SharedTraces(tmp_path / "xray", keep=2).newest(9)) == 2


@pytest.mark.parametrize("head", ["1.01.0 1-1 {}", "é 1-1 {}", "1.0 \udcff {}"])
def test_line_without_a_time_or_an_id_is_left_out(
    shared: SharedTraces, write: Callable[..., None], head: str
) -> None:
    write(recorded("/a").trace)
    path = shared.directory / "1.traces"
    path.write_bytes(head.encode("utf-8", "surrogateescape") + b"\n" + path.read_bytes())
    assert [trace.path for trace in shared.newest(9)] == ["/a"]


def test_trace_without_a_layer_is_left_out(
    shared: SharedTraces, write: Callable[..., None]
) -> None:
    write(Trace({}))
    assert shared.newest(9) == []


@pytest.mark.parametrize("text", ["", "{}", "1 2", "null", '{"names": []}'])
def test_line_that_is_not_ours_is_left_out(
    shared: SharedTraces, write: Callable[..., None], text: str
) -> None:
    write(recorded("/a").trace)
    with (shared.directory / "1.traces").open("a") as file:
        file.write(f"1.0 1-1 {text}\n2.0 1-2 {{")
    assert [trace.path for trace in shared.newest(9)] == ["/a"]
    assert shared.find("1-1") is None


def test_file_may_vanish(
    shared: SharedTraces, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished(path: Path) -> bytes:
        raise FileNotFoundError

    write(recorded("/a").trace)
    monkeypatch.setattr(Path, "read_bytes", vanished)
    assert shared.newest(9) == []


def test_files_of_processes_that_are_gone_are_removed_beyond_a_number(
    shared: SharedTraces, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 3)
    trace = recorded("/a").trace
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for age, process in enumerate([gone.pid, os.getpid(), 10**9, 10**9 + 1]):
        write(trace, process=process)
        os.utime(shared.directory / f"{process}.traces", (age, age))
    (shared.directory / "none.traces").touch()
    os.utime(shared.directory / "none.traces", (0, 0))
    write(trace, process=1)
    left = {path.stem for path in shared.directory.iterdir()}
    assert left == {str(os.getpid()), str(10**9 + 1), "1"}


def test_process_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert module.is_alive("1")


def test_file_that_is_gone_is_the_oldest(tmp_path: Path) -> None:
    assert module.modified_at(tmp_path / "1.traces") == 0.0


def test_writer_is_woken_once(shared: SharedTraces) -> None:
    shared.process = os.getpid()
    for trace in recorded("/a", "/b").traces:
        shared.add(trace)
    assert (shared.has_more.is_set(), len(shared.waiting)) == (True, 2)


def test_what_ends_while_it_is_written_waits_for_the_next_time(
    shared: SharedTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load that has no end: so the file was never written, and memory grew."""
    traces = recorded("/a", "/b", "/c").traces
    packed: list[Trace] = []

    def pack_under_load(trace: Trace) -> object:
        packed.append(trace)
        if len(packed) < 100:
            shared.waiting.append(trace)
        return pack(trace)

    monkeypatch.setattr(module, "pack", pack_under_load)
    shared.process = 1
    shared.bytes = module.MAX_FILE_BYTES
    shared.waiting.extend(traces)
    shared.flush()
    assert packed == traces
    assert list(shared.waiting) == traces
