"""The supervisor in a thread, over small shell scripts for children.

Each script writes what it does into a file: one line for each start, each end.
"""

import os
import selectors
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ngw2f.commands.processes import begin
from ngw2f.forks import Fork
from ngw2f.jobs.demand import demand_of
from ngw2f.server import supervisor as module
from ngw2f.server.supervisor import ChildSpec, Supervisor, worker_specs
from ngw2f.server.systemd import Systemd
from tests.waiting import listens_to, wait_until

# A supervisor has one thread; the test's has another.
forks = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

PRELUDE = """
status=/dev/fd/$1
tell() { echo $1 > $status; }
wait_for_end() { while :; do sleep 0.05; done; }
"""


class Stage:
    """Run a supervisor beside the test, and read what its children wrote."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "log"
        self.path.touch()
        self._lifeline, self._leash = os.pipe()
        self._thread: threading.Thread | None = None

    def start(
        self,
        *specs: ChildSpec,
        systemd: Systemd | None = None,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        self.supervisor = Supervisor(specs, self._lifeline, systemd)
        self._thread = threading.Thread(target=self.supervisor.run, args=[prepare])
        self._thread.start()

    def join(self) -> None:
        """Wait until the supervisor has ended."""
        if self._thread:
            self._thread.join(60)
            assert not self._thread.is_alive()

    def stop(self) -> None:
        os.close(self._leash)
        self.join()
        os.close(self._lifeline)

    def spec(self, name: str, script: str, **options: Any) -> ChildSpec:
        """Return a child that runs *script*; its `say` writes into the log."""
        path = self.path.with_name(f"{name}.sh")
        say = f'say() {{ echo "{name} $1 $$" >> {self.path}; }}\n'
        path.write_text(say + PRELUDE + script)
        return ChildSpec(name, ["sh", str(path), "{status}"], **options)

    def words(self) -> list[str]:
        return [" ".join(line.split()[:2]) for line in self.path.read_text().splitlines()]

    def pids(self, word: str = "starts") -> list[int]:
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return [int(pid) for _, said, pid in lines if said == word]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    # Signals go to the main thread, which is the test's: what it would be woken for
    # it looks for from time to time.
    def watch(self: Supervisor) -> None:
        reader, writer = os.pipe()
        self._selector.register(reader, selectors.EVENT_READ, lambda: os.read(reader, 1))
        ticker = threading.Thread(target=tick, args=[writer], daemon=True)
        ticker.start()

    def tick(writer: int) -> None:
        while not ended.wait(0.01):
            os.write(writer, b".")

    ended = threading.Event()
    monkeypatch.setattr(Supervisor, "_watch_signals", watch)
    # However slow the machine is: no child has lived for long when it fails, and each has
    # the time to end by itself.
    monkeypatch.setattr(module, "STABLE_SECONDS", 600)
    monkeypatch.setattr(module, "STOP_SECONDS", 60)
    stage = Stage(tmp_path)
    yield stage
    stage.stop()
    ended.set()
    assert not any(is_running(pid) for pid in stage.pids())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def running(stage: Stage) -> list[int]:
    return [pid for pid in stage.pids() if is_running(pid)]


def test_ended_child_is_started_again(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.start(stage.spec("a", "say starts; wait_for_end"))
    (pid,) = wait_until(stage.pids)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(stage.pids()) == 2)
    assert f"a (pid {pid}) ended with -9" in caplog.text


def test_pause_grows_while_it_fails(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    stage.start(stage.spec("a", "say starts; exit 1"))
    wait_until(lambda: len(stage.pids()) >= 4)
    assert stage.supervisor._pauses["a"] >= 0.04


def test_pause_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAUSE_SECONDS", 0.02)
    stage.start(stage.spec("a", "say starts; exit 1"))
    wait_until(lambda: len(stage.pids()) >= 5)
    assert stage.supervisor._pauses["a"] == 0.02


def test_stable_child_is_started_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STABLE_SECONDS", 0)
    stage.start(stage.spec("a", "say starts; exit 1"))
    wait_until(lambda: len(stage.pids()) >= 4)
    assert stage.supervisor._pauses["a"] == module.FIRST_PAUSE_SECONDS


@pytest.fixture
def forked(stage: Stage) -> ChildSpec:
    """Return a child that is a fork: it notes its start and its descriptors, then waits."""

    def begin_fork(arguments: Sequence[str]) -> Callable[[], None]:
        return partial(run, *map(int, arguments))

    def run(lifeline: int, status: int) -> None:
        # That of the list itself is not counted.
        count = len(os.listdir("/dev/fd")) - 1
        os.write(status, b"ready\n")
        with stage.path.open("a") as log:
            log.write(f"fork starts {os.getpid()}\nfork has{count} {os.getpid()}\n")
        os.read(lifeline, 1)

    return ChildSpec("fork", ["fork", "{lifeline}", "{status}"], begin_fork)


@forks
def test_killed_fork_is_started_again(
    stage: Stage, forked: ChildSpec, caplog: pytest.LogCaptureFixture
) -> None:
    stage.start(stage.spec("a", "say starts; wait_for_end", is_foundation=True), forked)
    pid = wait_until(lambda: stage.pids("has5"))[0]
    os.kill(pid, signal.SIGKILL)
    second = wait_until(lambda: stage.pids("has5")[1:])[0]
    assert f"fork (pid {pid}) ended with -9" in caplog.text
    assert is_running(second)


@forks
def test_forks_hold_their_lifeline_and_status_only(stage: Stage, forked: ChildSpec) -> None:
    """Whatever was started before: the standard three, and these two."""
    others = [stage.spec(name, "say starts; wait_for_end") for name in "ab"]
    stage.start(*others, forked, forked)
    wait_until(lambda: len(stage.pids("has5")) == 2)


@forks
def test_forks_end_with_a_killed_supervisor(stage: Stage, forked: ChildSpec) -> None:
    """The test starts one in a process of its own, and none remains."""
    supervisor = Fork(lambda: Supervisor([forked, forked]).run(), ["supervisor"])
    wait_until(lambda: len(stage.pids("has5")) == 2)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not running(stage))


@forks
def test_crash_of_a_fork_is_its_own(
    stage: Stage, forked: ChildSpec, capfd: pytest.CaptureFixture[str]
) -> None:
    def crash() -> None:
        raise ValueError("a mistake")

    stage.start(ChildSpec("crash", ["crash"], lambda _arguments: crash), forked)
    wait_until(lambda: "ValueError: a mistake" in capfd.readouterr().err)
    (pid,) = wait_until(lambda: stage.pids("has5"))
    wait_until(lambda: stage.supervisor._pauses.get("crash", 0) > module.FIRST_PAUSE_SECONDS)
    assert is_running(pid)


def test_others_are_started_after_the_preparation(stage: Stage) -> None:
    foundation = stage.spec("base", "say starts; wait_for_end", is_foundation=True)
    stage.start(
        stage.spec("a", "say starts; wait_for_end"),
        foundation,
        prepare=lambda: wait_until(lambda: stage.words() == ["base starts"]),
    )
    wait_until(lambda: stage.words() == ["base starts", "a starts"])


def test_stop_during_the_preparation_starts_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(Supervisor, "_start", lambda _self, spec: started.append(spec.name))
    stage.start(
        stage.spec("a", ""),
        stage.spec("base", "", is_foundation=True),
        prepare=lambda: stage.supervisor._stop_soon(),
    )
    stage.join()
    assert started == ["base"]


RETIRING = """say starts; tell ready
trap 'say ends; exit' TERM
trap 'tell retire' USR1
wait_for_end"""


def test_retiring_child_is_replaced(stage: Stage) -> None:
    stage.start(stage.spec("a", RETIRING))
    (pid,) = wait_until(stage.pids)
    wait_until(lambda: listens_to(pid, signal.SIGUSR1))
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: stage.pids("ends") == [pid])
    assert stage.words() == ["a starts", "a starts", "a ends"]
    wait_until(lambda: len(running(stage)) == 1)


def retire(stage: Stage, pid: int) -> int:
    wait_until(lambda: listens_to(pid, signal.SIGUSR1))
    os.kill(pid, signal.SIGUSR1)
    return wait_until(lambda: stage.pids()[1:])[0]


SLOW = """say starts
trap 'tell retire' USR1
wait_for_end"""


def test_killed_while_its_successor_starts(stage: Stage) -> None:
    """The successor is there already: a third would be one too many, for ever."""
    stage.start(stage.spec("a", SLOW))
    first = wait_until(stage.pids)[0]
    second = retire(stage, first)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_running(first))
    # As long as it would take to start another.
    time.sleep(4 * module.FIRST_PAUSE_SECONDS)
    assert running(stage) == [second]


def test_successor_that_fails_is_tried_again(stage: Stage, tmp_path: Path) -> None:
    """The one that wants to go is still replaced, and stays until that has worked."""
    # The first listens when the next one can see that it was there.
    script = f"""say starts
trap 'say ends; exit' TERM
case $(ls {tmp_path} | grep -c run) in
    0) touch {tmp_path}/run1 ;;
    1) touch {tmp_path}/run2; exit 1 ;;
    *) tell ready ;;
esac
trap 'tell retire' USR1
wait_for_end"""
    stage.start(stage.spec("a", script))
    first = wait_until(stage.pids)[0]
    retire(stage, first)
    wait_until(lambda: stage.pids("ends") == [first])
    assert len(stage.pids()) == 3
    wait_until(lambda: len(running(stage)) == 1)


def test_foundation_ends_last(stage: Stage) -> None:
    script = "trap 'say ends; exit' TERM; say starts; wait_for_end"
    stage.start(stage.spec("base", script, is_foundation=True), stage.spec("a", script))
    wait_until(lambda: len(stage.pids()) == 2)
    wait_until(lambda: Counter(stage.words()) == {"base starts": 1, "a starts": 1})
    stage.supervisor._stop_soon()
    wait_until(lambda: len(stage.words()) == 4)
    assert stage.words()[2:] == ["a ends", "base ends"]


def test_child_that_does_not_end_is_killed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.1)
    stage.start(stage.spec("a", "trap '' TERM; say starts; wait_for_end"))
    (pid,) = wait_until(stage.pids)
    stage.supervisor._stop_soon()
    wait_until(lambda: not is_running(pid))
    assert "does not stop" in caplog.text


def test_signal_stops(tmp_path: Path) -> None:
    """In the main thread, with the real handlers."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    handlers = {number: signal.getsignal(number) for number in numbers}
    started = []
    try:
        supervisor = Supervisor([ChildSpec("a", ["sleep", "60"])])

        def prepare() -> None:
            started.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

        supervisor.run(prepare)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
    assert started


def test_children_of_a_pool() -> None:
    names = [spec.name for spec in worker_specs({"render": 2}, begin)]
    assert names == ["RQ worker 1 (render)", "RQ worker 2 (render)", "upkeep's schedule"]


def test_pool_on_demand() -> None:
    render, links, cron = worker_specs({"render": 1, "links": 1}, begin, on_demand=["links"])
    assert (render.on_demand, links.on_demand, cron.on_demand) == (b"", demand_of("links"), b"")
    assert "--starts=links" in render.argv


def test_child_on_demand_is_started_when_another_asks(stage: Stage) -> None:
    """Once, and again when it has ended."""
    asks = stage.spec("a", "say starts; tell other; tell other; wait_for_end")
    waits = stage.spec("b", "say starts; wait_for_end", on_demand=b"other\n")
    still = stage.spec("c", "say starts; wait_for_end", on_demand=b"third\n")
    stage.start(still, waits, asks)
    wait_until(lambda: len(stage.pids()) == 2)
    assert stage.words() == ["a starts", "b starts"]
    os.kill(stage.pids()[1], signal.SIGKILL)
    wait_until(lambda: stage.words().count("b starts") == 2)
    assert Counter(stage.words()) == {"a starts": 1, "b starts": 2}


class Listening(Systemd):
    """A manager in the same process."""

    def __init__(self) -> None:
        super().__init__({})
        self.states: list[str] = []

    def tell(self, state: str, seconds: float = 0) -> None:
        self.states.append(state)

    def ping(self) -> None:
        self.tell("WATCHDOG=1")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Listening:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    return Listening()


def is_well(manager: Listening) -> bool:
    """Say whether it is told so, now that what was told before is forgotten."""
    manager.states.clear()
    time.sleep(0.15)
    return "WATCHDOG=1" in manager.states


def test_ready_when_all_are(stage: Stage, manager: Listening) -> None:
    """A child without a pulse needs only to run; one with a pulse has to be heard."""
    go = stage.path.with_name("go")
    waits = f"while [ ! -e {go} ]; do sleep 0.02; done; tell ready; wait_for_end"
    stage.start(
        stage.spec("slow", f"say starts; tell works; {waits}", has_pulse=True),
        stage.spec("plain", "say starts; wait_for_end"),
        systemd=manager,
    )
    wait_until(lambda: len(stage.words()) == 2)
    assert not is_well(manager)
    go.touch()
    wait_until(lambda: "READY=1" in manager.states)
    wait_until(lambda: is_well(manager))
    assert "READY=1" not in manager.states


def test_child_that_is_silent_hangs(
    stage: Stage, manager: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "say starts; trap 'tell works' USR1; tell ready; wait_for_end"
    stage.start(stage.spec("child", script, has_pulse=True), systemd=manager)
    wait_until(lambda: "READY=1" in manager.states)
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.0)
    wait_until(lambda: not is_well(manager))
    monkeypatch.setattr(module, "SILENT_SECONDS", 30.0)
    os.kill(stage.pids()[0], signal.SIGUSR1)
    wait_until(lambda: is_well(manager))


def test_child_that_crashes_is_not_well(stage: Stage, manager: Listening) -> None:
    stage.start(stage.spec("child", "say starts; exit 1"), systemd=manager)
    wait_until(lambda: stage.words().count("child starts") > 2)
    # It is, for the moment in which it runs; it is not when it waits for its next start.
    wait_until(lambda: not is_well(manager))


def test_stop_is_told(stage: Stage, manager: Listening) -> None:
    stage.start(stage.spec("child", "say starts; wait_for_end"), systemd=manager)
    wait_until(lambda: "READY=1" in manager.states)
    stage.supervisor._stop_soon()
    wait_until(lambda: manager.states[-1] == "STOPPING=1")
