"""How long rendering may take. What it lets through is in test_browser.py."""

import signal
import time

import pytest

from ngw2f.text.markdown import MAX_SECONDS, MarkdownRenderer


@pytest.fixture
def _alarm_in_a_minute():
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_alarm_in_a_minute")
def test_other_alarm_keeps_its_time():
    renderer = MarkdownRenderer()
    for _ in range(100):
        renderer.render("a")
    remaining, _ = signal.getitimer(signal.ITIMER_REAL)
    assert 60 - 100 * MAX_SECONDS < 50 < remaining <= 60


def test_no_alarm_is_left_behind():
    MarkdownRenderer().render("a")
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_takes_too_long_is_shown_as_typed():
    source = "[" * 10_000
    assert MarkdownRenderer().render(source) == f"<p>{source}</p>"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_limit_that_comes_while_an_object_is_deleted_comes_again(monkeypatch):
    class Slow:
        def __del__(self):
            end = time.monotonic() + 1.5 * MAX_SECONDS
            while time.monotonic() < end:
                pass

    def convert(_source):
        Slow()
        while True:
            pass

    renderer = MarkdownRenderer()
    monkeypatch.setattr(renderer._markdown, "convert", convert)
    assert renderer.render("a") == "<p>a</p>"
