from contextvars import ContextVar

import gevent
import pytest
from gevent.event import Event

from ngw2f.own_stack import call_on_own_stack


def undo(_returned: object) -> None:
    raise AssertionError


def test_call_runs_in_another_greenlet() -> None:
    assert call_on_own_stack(gevent.getcurrent, undo) is not gevent.getcurrent()


def test_call_sees_the_context() -> None:
    known: ContextVar[str] = ContextVar("known")
    known.set("here")
    assert call_on_own_stack(known.get) == "here"


def test_error_is_raised(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("as expected")

    with pytest.raises(ValueError, match="as expected"):
        call_on_own_stack(fail, undo)
    # gevent prints what no greenlet catches.
    assert capsys.readouterr().err == ""


def test_call_is_killed_with_its_greenlet() -> None:
    begun, ends = Event(), list[str]()

    def wait() -> None:
        begun.set()
        try:
            gevent.sleep(600)
        finally:
            ends.append("call")

    greenlet = gevent.spawn(call_on_own_stack, wait, undo)
    begun.wait()
    greenlet.kill()
    assert ends == ["call"]


def test_what_was_returned_is_undone_for_a_killed_greenlet() -> None:
    undone: list[str] = []

    def finish() -> str:
        # It comes before the end of the call, which the greenlet waits for.
        greenlet.kill(block=False)
        return "body"

    greenlet = gevent.spawn(call_on_own_stack, finish, undone.append)
    greenlet.join()
    assert undone == ["body"]
