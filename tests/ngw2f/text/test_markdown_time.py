"""How long rendering may take. What it lets through is in test_browser.py."""

import gc
import signal
import threading
import time

import pytest

from ngw2f.text.markdown import MAX_SECONDS, MarkdownRenderer


@pytest.fixture
def renderer():
    return MarkdownRenderer()


@pytest.fixture
def make_slow(renderer, monkeypatch):
    """Have something called before each message is rendered."""
    convert = renderer._markdown.convert

    def make(call):
        def convert_slowly(source):
            call()
            return convert(source)

        monkeypatch.setattr(renderer._markdown, "convert", convert_slowly)

    return make


def compute(seconds):
    """Work for so long, and hardly in the kernel, whose time the limit does not count."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(10_000))


def test_what_takes_too_long_is_shown_as_typed(renderer):
    source = "[" * 10_000
    assert renderer.render(source) == f"<p>{source}</p>"


def test_no_limit_is_left_behind(renderer):
    handler = signal.getsignal(signal.SIGVTALRM)
    renderer.render("a")
    renderer.render("[" * 10_000)
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) is handler


def test_time_of_others_does_not_count(renderer, make_slow):
    make_slow(lambda: time.sleep(2 * MAX_SECONDS))
    assert renderer.render("*a*") == "<p><em>a</em></p>"


def test_alarm_of_a_job_is_left_alone(renderer):
    """RQ sets one for each job."""
    heard = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda *_: heard.set())
    try:
        signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS / 5)
        renderer.render("[" * 10_000)
        assert heard.is_set()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_no_garbage_is_collected_meanwhile(renderer, make_slow):
    are_enabled = []
    make_slow(lambda: are_enabled.append(gc.isenabled()))
    renderer.render("a")
    assert are_enabled == [False]
    assert gc.isenabled()


def test_collector_that_was_off_stays_off(renderer):
    gc.disable()
    try:
        renderer.render("a")
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_limit_that_comes_while_an_object_is_deleted_comes_again(renderer, make_slow):
    class Slow:
        def __del__(self):
            compute(1.5 * MAX_SECONDS)

    def delete_and_go_on():
        Slow()
        compute(60)

    make_slow(delete_and_go_on)
    assert renderer.render("a") == "<p>a</p>"
