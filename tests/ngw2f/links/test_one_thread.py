import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.one_thread import OneThread
from tests.waiting import wait_until


@pytest.fixture
def one_thread() -> Iterator[OneThread]:
    one_thread = OneThread()
    yield one_thread
    one_thread.close()


@pytest.fixture
def busy(one_thread: OneThread) -> Iterator[threading.Event]:
    """Keep the thread busy until the test is at its end, or sets this."""
    free = threading.Event()
    begun = threading.Event()

    def work() -> None:
        begun.set()
        free.wait(60)

    thread = threading.Thread(target=one_thread.run, args=[work, 0, 60])
    thread.start()
    begun.wait(60)
    yield free
    free.set()
    thread.join()


def test_result_comes_from_its_one_thread(one_thread: OneThread) -> None:
    threads = {one_thread.run(threading.get_ident, 0, 10) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_it_raises_is_raised(one_thread: OneThread) -> None:
    with pytest.raises(ZeroDivisionError):
        one_thread.run(lambda: 1 // 0, 0, 10)
    with pytest.raises(TimeoutError, match="its own"):
        one_thread.run(lambda: (_ for _ in ()).throw(TimeoutError("its own")), 0, 10)
    assert one_thread.run(lambda: "goes on", 0, 10) == "goes on"


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """What refers to itself stays, as it does in a process for a while."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
def test_what_was_read_goes_with_its_error(one_thread: OneThread) -> None:
    class Body:
        def read(self) -> None:
            raise ValueError

    body = Body()
    kept = weakref.ref(body)
    with suppress(ValueError):
        one_thread.run(body.read, 0, 10)
    del body
    wait_until(lambda: kept() is None)


def test_small_ones_come_first(one_thread: OneThread, busy: threading.Event) -> None:
    done = []
    threads = [
        threading.Thread(
            target=one_thread.run, args=[lambda size=size: done.append(size), size, 10]
        )
        for size in (3, 1, 2)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: one_thread._tasks.qsize() == 3)
    busy.set()
    for thread in threads:
        thread.join()
    assert done == [1, 2, 3]


def test_who_waits_too_long_goes_without(one_thread: OneThread, busy: threading.Event) -> None:
    done = []
    with pytest.raises(LinkFailed, match="too many other pages are being read"):
        one_thread.run(lambda: done.append("late"), 0, 0.01)
    busy.set()
    one_thread.run(lambda: done.append("next"), 1, 10)
    assert done == ["next"]


def test_close_ends_the_thread(one_thread: OneThread) -> None:
    thread = one_thread.run(threading.current_thread, 0, 10)
    one_thread.close()
    thread.join(60)
    assert not thread.is_alive()
