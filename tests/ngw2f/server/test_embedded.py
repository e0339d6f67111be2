import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

from ngw2f.broker.connection import connect
from ngw2f.broker.embedded import embedded_socket
from ngw2f.commands.processes import begin
from ngw2f.locks import is_locked
from ngw2f.server import embedded as module
from ngw2f.server import valkey as valkey_module
from ngw2f.server.embedded import LIFELINE_VARIABLE, LOCK_NAME, Embedded, EmbeddedError
from ngw2f.server.valkey import why_not_a_folder, why_not_private
from ngw2f.settings import Settings
from tests.migrated import copy_migrated
from tests.waiting import wait_until

# The supervisor outlives the object that started it: gunicorn reaps it.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an embedded chat, in the environment too, for its processes."""
    for name in [name for name in os.environ if name.startswith("NGW2F_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NGW2F_DATA_DIR", str(tmp_path))
    copy_migrated(tmp_path)
    return Settings(data_dir=str(tmp_path))


@pytest.fixture
def started(settings: Settings) -> Iterator[Embedded]:
    embedded = Embedded(settings)
    embedded.start()
    embedded.wait()
    yield embedded
    embedded.stop(wait=True)
    assert not is_locked(settings.data_path / LOCK_NAME)


def ping(settings: Settings) -> bool:
    with connect(settings, 60.0) as redis:
        return bool(redis.ping())


def test_start_and_stop(started: Embedded, settings: Settings) -> None:
    assert ping(settings)
    assert is_locked(settings.data_path / LOCK_NAME)
    assert (settings.data_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_data_is_kept(settings: Settings) -> None:
    for expected in (None, b"1"):
        embedded = Embedded(settings)
        embedded.start()
        embedded.wait()
        with connect(settings, 60.0) as redis:
            assert redis.get("kept") == expected
            redis.set("kept", 1)
        embedded.stop(wait=True)


def test_data_in_use(started: Embedded, settings: Settings) -> None:
    with pytest.raises(EmbeddedError, match=f"in use by another server \\(pid {os.getpid()}\\)"):
        Embedded(settings).start()
    assert ping(settings)


def test_supervisor_that_lost_the_race(
    started: Embedded, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both masters saw the lock free: the lock itself decides."""
    second = Embedded(settings)
    monkeypatch.setattr(second, "_wait_until_free", lambda: None)
    second.start()
    for _ in range(2):
        # Each of the web workers hears it.
        with pytest.raises(EmbeddedError, match="is in use by another server"):
            second.wait()
    second.stop(wait=False)


def test_stop_right_after_the_start(settings: Settings) -> None:
    """The next server finds no supervisor that takes the lock only now."""
    for _ in range(2):
        embedded = Embedded(settings)
        embedded.start()
        embedded.stop(wait=True)
    embedded = Embedded(settings)
    embedded.start()
    embedded.wait()
    embedded.stop(wait=True)


def test_whoever_waits_looks_meanwhile(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web worker shows gunicorn's master that it lives; a process that waits later need not."""
    told, its = socket.socketpair()
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    embedded = Embedded(settings)
    embedded._told = told.fileno()
    embedded.wait(lambda: its.sendall(b"ready\n"))
    its.close()
    embedded.wait(lambda: pytest.fail("Valkey answers already"))
    told.close()


def test_supervisor_that_says_nothing(settings: Settings) -> None:
    embedded = Embedded(settings)
    told, its = socket.socketpair()
    its.close()
    embedded._told = told.fileno()
    with told, pytest.raises(EmbeddedError, match="did not start"):
        embedded.wait()


def test_owner_that_is_no_more(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its supervisor is still busy with stopping: that is waited for, but not for ever."""
    monkeypatch.setattr(module, "HANDOVER_SECONDS", 0.2)
    path = settings.data_path / LOCK_NAME
    path.write_text("")
    monkeypatch.setattr(module, "is_locked", lambda _: True)
    with pytest.raises(EmbeddedError, match="in use"):
        Embedded(settings).start()


@pytest.mark.parametrize(("pid", "running"), [(0, False), (1, True), (2**22 + 1, False)])
def test_owner_is_running(pid: int, running: bool) -> None:
    assert module._is_running(pid) is running


def test_owner_that_nobody_has_waited_for() -> None:
    """Killed and started again by one script, the one before is still its child."""
    with subprocess.Popen(["sleep", "60"]) as owner:
        assert module._is_running(owner.pid)
        owner.kill()
        wait_until(lambda: not module._is_running(owner.pid))


def test_handed_over(
    started: Embedded, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The successor holds the lifeline: the first one's end is not the end."""
    inherited = os.dup(int(started.hand_over()[LIFELINE_VARIABLE]))
    monkeypatch.setenv(LIFELINE_VARIABLE, str(inherited))
    successor = Embedded(settings)
    successor.start()
    assert LIFELINE_VARIABLE not in os.environ
    started.stop(wait=False)
    assert ping(settings)
    assert is_locked(settings.data_path / LOCK_NAME)
    successor.stop(wait=True)


def test_nothing_to_hand_over(settings: Settings) -> None:
    assert Embedded(settings).hand_over() == {}


def test_killed_supervisor_is_replaced(
    started: Embedded,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (supervisor,) = children("embedded")
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    wait_until(lambda: "has gone" in caplog.text)
    wait_until(lambda: children("embedded"))
    wait_until(lambda: is_locked(settings.data_path / LOCK_NAME))
    wait_until(lambda: started._lifeline is not None)
    valkey_module._wait_for_valkey(settings)
    assert ping(settings)


def test_supervisor_that_ends_while_the_guard_looks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked to: nobody starts another."""
    embedded = Embedded(settings)
    monkeypatch.setattr(module, "GUARD_SECONDS", 0)
    monkeypatch.setattr(module, "is_locked", lambda _path: embedded.stop(wait=False))
    monkeypatch.setattr(embedded, "_start_supervisor", lambda: pytest.fail("another one"))
    embedded._guard()


def test_supervisor_that_could_not_start_is_not_replaced(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No web worker serves without it, so the server ends."""
    embedded = Embedded(settings)
    told, its = socket.socketpair()
    its.close()
    embedded._told = told.fileno()
    monkeypatch.setattr(module, "GUARD_SECONDS", 0)
    monkeypatch.setattr(embedded, "_start_supervisor", lambda: pytest.fail("another one"))
    with told:
        embedded._guard()


def children(what: str) -> list[int]:
    """Return this process's children whose command line contains *what*."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    pids = [pid for task in tasks for pid in text_of(task / "children").split()]
    return [int(pid) for pid in pids if what in text_of(Path(f"/proc/{pid}/cmdline"))]


def text_of(path: Path) -> str:
    """Return what a file of a thread or a process says; nothing of one that has just ended."""
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_valkey_that_does_not_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_module, "START_SECONDS", 0)
    with pytest.raises(EmbeddedError, match=r"does not answer; see .*valkey\.log"):
        valkey_module._wait_for_valkey(settings)


def test_valkey_that_is_silent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the connection, and no time for it yet."""
    monkeypatch.setattr(valkey_module, "START_SECONDS", 0)
    monkeypatch.setattr(valkey_module, "ANSWER_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(embedded_socket(settings.data_path)))
        silent.listen()
        with pytest.raises(EmbeddedError, match="does not answer"):
            valkey_module._wait_for_valkey(settings)


def test_valkey_is_not_waited_for_without_a_master(settings: Settings) -> None:
    lifeline, leash = os.pipe()
    os.close(leash)
    with pytest.raises(EmbeddedError, match="has gone"):
        valkey_module._wait_for_valkey(settings, lifeline)
    os.close(lifeline)


def test_master_is_told_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_module, "START_SECONDS", 0)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as told, pytest.raises(EmbeddedError):
        valkey_module._report(settings, told, reader)
    with os.fdopen(reader) as lines:
        assert "does not answer" in lines.read()


def test_orphaned_valkey_is_stopped(settings: Settings) -> None:
    """Its supervisor was killed, and the kernel did not see to it."""
    spec = valkey_module.valkey_spec(settings)
    orphan = subprocess.Popen(spec.argv, preexec_fn=spec.prepare)
    try:
        valkey_module._wait_for_valkey(settings)
        valkey_module._end_orphan(settings)
        assert orphan.wait(60) == 0
    finally:
        orphan.kill()
        orphan.wait()


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_supervise_in_this_process(settings: Settings) -> None:
    """From the start to the lifeline's end, with all its children."""
    lifeline, leash = os.pipe()
    status, told = os.pipe()
    heard = []

    def end_when_ready() -> None:
        with os.fdopen(status) as lines:
            heard.append(lines.readline())
        os.close(leash)

    other = threading.Thread(target=end_when_ready)
    other.start()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        # What it builds for its forks is not for other tests.
        copy_context().run(valkey_module.supervise, settings, lifeline, told, begin)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        gc.unfreeze()
        other.join()
        os.close(lifeline)
    assert heard == ["ready\n"]
    assert children(settings.data_dir) == []


def test_socket_is_put_into_a_directory_of_ours_alone(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "one"
    assert why_not_private(directory) == ""
    assert directory.stat().st_mode & 0o777 == 0o700
    link = tmp_path / "link"
    link.symlink_to(directory)
    assert "is not a directory of this user" in why_not_private(link)
    if os.getuid() == 0:
        os.chown(directory, 65534, -1)
        assert "is not a directory of this user" in why_not_private(directory)


def test_file_in_the_place_of_the_brokers_folder_is_named(settings: Settings) -> None:
    path = settings.data_path / "valkey"
    assert why_not_a_folder(path) == ""
    path.rmdir()
    path.touch()
    lifeline, leash = os.pipe()
    status, told = os.pipe()
    valkey_module.supervise(settings, lifeline, told, begin)
    with os.fdopen(status) as lines:
        assert lines.read() == f"{path} cannot be the broker's folder: File exists\n"
    os.close(leash)
    os.close(lifeline)


def test_first_supervisor_shares_what_the_master_has_loaded(tmp_path: Path) -> None:
    """Its children do so, too: each would have five megabytes of its own."""
    code = f"""
import os
from ngw2f.server.embedded import Embedded
from ngw2f.settings import Settings

loaded = object()

def run_here(arguments):
    name, lifeline, status = arguments
    told = name == "embedded" and loaded and "ready"
    os.write(int(status.partition("=")[2]), told.encode())
    os.read(int(lifeline.partition("=")[2]), 1)
    print("ended", os.getppid())

embedded = Embedded(Settings(data_dir={str(tmp_path)!r}), run_here)
embedded.start()
embedded.wait()
embedded.stop(wait=True)
os.wait()
print("stopped", os.getpid())
"""
    told = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60)
    (ended, parent), (stopped, master) = (line.split() for line in told.splitlines())
    assert (ended, stopped) == ("ended", "stopped")
    assert parent == master
