"""What tests do for threads that are traced."""

import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from gevent import getcurrent

from tests.traced_threads import keep_first_greenlets
from tests.waiting import wait_until


@pytest.fixture
def traced() -> Iterator[None]:
    """Have new threads traced, unless they are already."""
    before = threading.gettrace()
    threading.settrace(before or (lambda *_: None))
    yield
    threading.settrace(before)


def first_greenlet_of_a_thread() -> "weakref.ref[Any]":
    """Return a weak reference to the first greenlet of a thread that has ended."""
    found: list[weakref.ref[Any]] = []
    thread = threading.Thread(target=lambda: found.append(weakref.ref(getcurrent())))
    thread.start()
    thread.join()
    return found[0]


def first_greenlets_go() -> bool:
    # They go one after the other; this one comes after those before it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "gettrace", lambda: None)
        untraced = first_greenlet_of_a_thread()
    wait_until(lambda: untraced() is None)
    return True


@pytest.mark.usefixtures("traced")
def test_first_greenlet_of_a_traced_thread_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_first_greenlets(monkeypatch)
    first = first_greenlet_of_a_thread()
    assert first_greenlets_go()
    assert first() is not None
    monkeypatch.undo()


def test_first_greenlet_of_another_thread_goes() -> None:
    assert first_greenlets_go()
