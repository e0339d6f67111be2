"""Processes forked from the test's."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from ngw2f.forks import Fork, set_title
from tests.waiting import wait_until

# A program forks before it has threads; a test may have some.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

TITLE = ["ngw2f", "child", "--of=test"]
Start = Callable[..., Fork]
Told = Callable[[Callable[[], object]], str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that forks a process, which is killed after the test."""
    started = []

    def start_one(run: Callable[[], None], descriptors: Collection[int] = ()) -> Fork:
        started.append(Fork(run, TITLE, descriptors))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def told(start: Start) -> Told:
    """Give a function that returns what another one returns in a child."""

    def tell(ask: Callable[[], object]) -> str:
        reader, writer = os.pipe()

        def answer() -> None:
            os.write(writer, str(ask()).encode())

        process = start(answer, [writer])
        os.close(writer)
        with os.fdopen(reader) as heard:
            text = heard.read()
        assert process.wait() == 0
        return text

    return tell


def fail() -> None:
    raise ValueError("a mistake")


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: sys.exit(), 0, ""),
        (lambda: sys.exit(3), 3, ""),
        (lambda: sys.exit("it cannot"), 1, "it cannot\n"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL, ""),
    ],
    ids=["returns", "exits", "exits with a number", "exits with a reason", "is killed"],
)
def test_exit_status(
    start: Start, capfd: pytest.CaptureFixture[str], run: Callable[[], None], code: int, said: str
) -> None:
    assert start(run).wait() == code
    assert capfd.readouterr().err == said


def test_mistake_is_printed(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    assert start(fail).wait() == 1
    assert capfd.readouterr().err.endswith("ValueError: a mistake\n")


def test_parents_text_is_printed_once() -> None:
    """It waits in a buffer, which the child inherits."""
    program = (
        "import sys; from ngw2f.forks import Fork; sys.stdout.write('once');"
        "Fork(lambda: None, []).wait()"
    )
    # Without the variables by which Python buffers nothing.
    assert subprocess.check_output([sys.executable, "-c", program], env={}) == b"once"


def test_parents_cleanup_is_not_the_childs(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    parent = os.getpid()
    try:
        assert start(fail).wait() == 1
    finally:
        sys.stderr.write(f"cleaned up by {'the parent' if os.getpid() == parent else 'a child'}\n")
        sys.stderr.flush()
    assert "a child" not in capfd.readouterr().err


def test_descriptors(told: Told) -> None:
    """The standard ones, the one it is given, and that of the list itself."""
    with open(os.devnull) as other:
        assert told(lambda: len(os.listdir("/dev/fd"))) == "5"
        assert told(lambda: Path(f"/dev/fd/{other.fileno()}").exists()) == "False"
    assert told(lambda: os.readlink("/dev/fd/0")) == os.devnull


def test_closed_standard_streams_are_no_pipes() -> None:
    """A lifeline with such a number would never end, or end at once."""
    program = """
import os, sys
from ngw2f.forks import Fork, open_standard
open_standard()
print("nobody hears this")
reader, writer = os.pipe()
def run():
    sys.stderr.write("nor this")
    os.write(writer, b".")
status = Fork(run, [], [writer]).wait()
sys.exit(reader <= 2 or status or os.read(reader, 1) != b".")
"""
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program]
    assert subprocess.call(command) == 0


def test_session(told: Told) -> None:
    assert told(lambda: os.getsid(0) == os.getpid()) == "True"


@pytest.fixture
def _deaf() -> Iterator[None]:
    """Handle signals in a way that a child must not inherit."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    yield
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, before)
    os.close(reader)
    os.close(writer)


@pytest.mark.usefixtures("_deaf")
def test_signal_that_comes_at_once_ends_it(start: Start) -> None:
    process = start(signal.pause)
    process.terminate()
    assert process.wait() == -signal.SIGTERM


@pytest.mark.usefixtures("_deaf")
def test_signals_work(told: Told) -> None:
    assert told(lambda: signal.set_wakeup_fd(-1)) == "-1"
    assert told(lambda: signal.getsignal(signal.SIGINT) is signal.default_int_handler) == "True"
    assert told(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [])) == "set()"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_random_numbers_are_fresh(told: Told) -> None:
    state = random.getstate()
    numbers = [told(lambda: random.random())]
    random.setstate(state)
    numbers.append(told(lambda: random.random()))
    random.setstate(state)
    numbers.append(str(random.random()))
    assert len(set(numbers)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_title(start: Start, told: Told) -> None:
    process = start(signal.pause)
    command = Path(f"/proc/{process.pid}/cmdline")
    wait_until(lambda: command.read_text().rstrip("\0").split("\0") == TITLE)
    assert command.with_name("comm").read_text() == f"{TITLE[0]}\n"
    environ = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert environ == Path("/proc/self/environ").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_title_that_is_too_long_is_cut(told: Told) -> None:
    def cut() -> bool:
        size = len(Path("/proc/self/cmdline").read_bytes())
        set_title(["x" * 100_000])
        return Path("/proc/self/cmdline").read_text() == "x" * (size - 1) + "\0"

    assert told(cut) == "True"


def test_waiting_has_an_end(start: Start) -> None:
    process = start(signal.pause)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.0)
    assert process.poll() is None


def test_signal_to_one_that_has_ended(start: Start) -> None:
    process = start(lambda: None)
    process.wait()
    process.terminate()
    assert process.returncode == 0
