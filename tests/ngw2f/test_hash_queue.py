import threading
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from ngw2f.errors import TooMany, Unavailable
from ngw2f.hash_queue import (
    MAX_OF_ACCOUNT,
    MAX_OF_ADDRESS,
    MAX_OF_BOTH,
    MAX_WAITING,
    THREADS,
    Asker,
    HashingQueue,
)


class Held:
    """A queue whose hashes end when the test says so."""

    def __init__(self) -> None:
        self.queue = HashingQueue()
        self.started: list[Asker] = []
        self.greenlets: list[gevent.Greenlet] = []
        self.released = threading.Semaphore(0)

    def ask(self, account: str, address: str) -> gevent.Greenlet:
        asker = Asker(account, address)
        greenlet = gevent.spawn(self.queue.run, asker, self.hash, asker)
        self.greenlets.append(greenlet)
        gevent.sleep(0)
        return greenlet

    def hash(self, asker: Asker) -> Asker:
        self.started.append(asker)
        assert self.released.acquire(timeout=60)
        return asker

    def release(self, count: int) -> None:
        """Let so many end, one after the other, each followed by those it makes room for."""
        for _ in range(count):
            more = 1 + self.ended()
            self.released.release()
            self.wait_for_end(more)

    def wait(self, condition: Callable[[], object]) -> None:
        with gevent.Timeout(60):
            while not condition():
                gevent.sleep(0.001)

    def ended(self) -> int:
        return sum(greenlet.ready() for greenlet in self.greenlets)

    def wait_for_end(self, count: int) -> None:
        self.wait(lambda: self.ended() >= count)

    def wait_for_start(self, count: int) -> None:
        self.wait(lambda: len(self.started) >= count)


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.released.release(MAX_WAITING)
    gevent.joinall(held.greenlets, timeout=60)


def test_one_account_has_one_hash_at_a_time(held: Held) -> None:
    held.ask("ann", "1")
    held.ask("ann", "2")
    held.ask("bob", "3")
    held.wait_for_start(2)
    assert [asker.account for asker in held.started] == ["ann", "bob"]


def test_addresses_take_turns(held: Held) -> None:
    """Whoever comes after somebody who sent many waits for what is computed, not for all of it."""
    for number in range(10):
        held.ask(f"account {number}", "many")
    held.ask("ann", "one")
    held.release(THREADS)
    held.wait_for_start(2 * THREADS)
    assert Asker("ann", "one") in held.started[: 2 * THREADS]


@pytest.mark.parametrize(
    ("askers", "most"),
    [
        ((lambda number: ("ann", "1")), MAX_OF_BOTH),
        ((lambda number: ("ann", str(number))), MAX_OF_ACCOUNT),
        ((lambda number: (str(number), "1")), MAX_OF_ADDRESS),
    ],
    ids=["both", "account", "address"],
)
def test_nobody_fills_the_queue_alone(
    held: Held, askers: Callable[[int], tuple[Any, ...]], most: int
) -> None:
    waiting = [held.ask(*askers(number)) for number in range(44)]
    refused = [greenlet for greenlet in waiting if greenlet.ready()]
    assert len(refused) == 44 - most
    for greenlet in refused:
        with pytest.raises(TooMany):
            greenlet.get()
    other = held.ask("other", "elsewhere")
    held.release(most + 1)
    assert other.get(timeout=60) == Asker("other", "elsewhere")


def test_queue_is_full(held: Held) -> None:
    for number in range(MAX_WAITING):
        held.ask(str(number), str(number))
    with pytest.raises(Unavailable):
        held.ask("ann", "1").get()


def test_place_of_one_that_is_killed_is_free(held: Held) -> None:
    _computed, *waiting = [held.ask("ann", "1") for _ in range(MAX_OF_BOTH)]
    for greenlet in waiting:
        greenlet.kill()
    again = held.ask("ann", "1")
    held.release(2)
    assert again.get(timeout=60) == Asker("ann", "1")


def test_place_is_free_after_an_error() -> None:
    queue = HashingQueue()

    def fail() -> None:
        raise ValueError("as it happens")

    for _ in range(MAX_OF_BOTH + 1):
        with pytest.raises(ValueError, match="as it happens"):
            queue.run(Asker("ann", "1"), fail)
