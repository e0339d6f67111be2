"""How long rendering may take. What it lets through is in test_browser.py."""

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from markdown_it.token import Token

from ngw2f.text.markdown import MAX_HTML_CHARACTERS, MAX_SECONDS, MarkdownRenderer
from tests.ngw2f.text.slow import SLOW

MakeSlow = Callable[[Callable[[], object]], None]


@pytest.fixture(autouse=True)
def _untraced() -> Iterator[None]:
    """Keep coverage out: its tracer takes longer than the renderer."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


# Of processor time. What the limit interrupts is still cleaned up, and shown as typed.
LONGEST_SECONDS = 2.5 * MAX_SECONDS
# Where something is made slow, a shorter limit shows the same.
SHORT_SECONDS = MAX_SECONDS / 3


@pytest.fixture(scope="module")
def renderer() -> MarkdownRenderer:
    return MarkdownRenderer()


@pytest.fixture
def make_slow(renderer: MarkdownRenderer, monkeypatch: pytest.MonkeyPatch) -> MakeSlow:
    """Have something called before each message is rendered, for SHORT_SECONDS at most."""
    renderer.render("*a*")
    monkeypatch.setattr("ngw2f.text.markdown.MAX_SECONDS", SHORT_SECONDS)
    parse = renderer._parser.parse

    def make(call: Callable[[], object]) -> None:
        def parse_slowly(*arguments: Any) -> list[Token]:
            call()
            return parse(*arguments)

        monkeypatch.setattr(renderer._parser, "parse", parse_slowly)

    return make


def compute(seconds: float) -> None:
    """Work for so long, and hardly in the kernel, whose time the limit does not count."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(10_000))


def test_what_takes_too_long_is_shown_as_typed(
    renderer: MarkdownRenderer, make_slow: MakeSlow
) -> None:
    make_slow(lambda: compute(60))
    assert renderer.render("*a*\n<b>") == "<p>*a*<br>\n&lt;b&gt;</p>"


def test_limit_holds_for_code_that_catches_every_exception(
    renderer: MarkdownRenderer, make_slow: MakeSlow
) -> None:
    """As libraries do, and some in a loop."""

    def go_on() -> None:
        for _ in range(20):
            with suppress(Exception):
                compute(60)

    make_slow(go_on)
    start = time.process_time()
    renderer.render("*a*")
    assert time.process_time() - start < LONGEST_SECONDS


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_source_takes_longer_or_becomes_long(renderer: MarkdownRenderer, name: str) -> None:
    start = time.process_time()
    html = renderer.render(SLOW[name])
    assert time.process_time() - start < LONGEST_SECONDS
    assert len(html) <= MAX_HTML_CHARACTERS


def test_no_limit_is_left_behind(renderer: MarkdownRenderer, make_slow: MakeSlow) -> None:
    handler = signal.getsignal(signal.SIGVTALRM)
    renderer.render("a")
    make_slow(lambda: compute(60))
    renderer.render("a")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) is handler


HOLD_A_LOCK = """
def hold_a_lock():
    held.append(True)
    end = process_time() + seconds
    while process_time() < end:
        sum(range(10_000))
    held.clear()
"""


@pytest.mark.parametrize("module", ["coverage.collector", "importlib._bootstrap", "logging"])
def test_code_that_holds_locks_is_not_interrupted(
    renderer: MarkdownRenderer, make_slow: MakeSlow, module: str
) -> None:
    """A lock that stays locked stops the process. The limit comes when the code is left."""
    code: dict[str, Any] = {
        "__name__": module,
        "held": [],
        "process_time": time.process_time,
        "seconds": 1.5 * SHORT_SECONDS,
    }
    exec(HOLD_A_LOCK, code)
    went_on = []

    def hold_and_go_on() -> None:
        code["hold_a_lock"]()
        compute(60)
        went_on.append(True)

    make_slow(hold_and_go_on)
    assert renderer.render("*a*") == "<p>*a*</p>"
    assert not code["held"]
    assert not went_on


def test_time_of_others_does_not_count(renderer: MarkdownRenderer, make_slow: MakeSlow) -> None:
    make_slow(lambda: time.sleep(2 * SHORT_SECONDS))
    assert renderer.render("*a*") == "<p><em>a</em></p>"


def test_alarm_of_a_job_is_left_alone(renderer: MarkdownRenderer, make_slow: MakeSlow) -> None:
    """RQ sets one for each job."""
    heard = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda *_: heard.set())
    try:
        make_slow(lambda: compute(60))
        signal.setitimer(signal.ITIMER_REAL, SHORT_SECONDS / 5)
        renderer.render("a")
        assert heard.is_set()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_no_garbage_is_collected_meanwhile(renderer: MarkdownRenderer, make_slow: MakeSlow) -> None:
    are_enabled = []
    make_slow(lambda: are_enabled.append(gc.isenabled()))
    renderer.render("a")
    assert are_enabled == [False]
    assert gc.isenabled()


def test_collector_that_was_off_stays_off(renderer: MarkdownRenderer) -> None:
    gc.disable()
    try:
        renderer.render("a")
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_limit_that_comes_while_an_object_is_deleted_comes_again(
    renderer: MarkdownRenderer, make_slow: MakeSlow
) -> None:
    class Slow:
        def __del__(self) -> None:
            compute(1.5 * SHORT_SECONDS)

    def delete_and_go_on() -> None:
        Slow()
        compute(60)

    make_slow(delete_and_go_on)
    assert renderer.render("a") == "<p>a</p>"
