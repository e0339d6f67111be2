import time

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from ngw2f.server.turnstile import SLICE_SECONDS, Turnstile


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_what_comes_goes_before_what_waits() -> None:
    turnstile, done = Turnstile(), []
    ours, theirs = socket.socketpair()

    def work(number: int) -> None:
        turnstile.go_through()
        if number == 0:
            theirs.sendall(b"x")
        done.append(f"piece {number}")
        spin(SLICE_SECONDS)

    def listen() -> None:
        ours.recv(1)
        done.append("came")

    with ours, theirs:
        listener = gevent.spawn(listen)
        gevent.sleep(0)
        gevent.joinall([listener, *[gevent.spawn(work, number) for number in range(20)]])
    pieces = [each for each in done if each != "came"]
    assert pieces == [f"piece {number}" for number in range(20)]
    assert done.index("came") <= 2


def test_nothing_waits_where_there_is_time() -> None:
    turnstile = Turnstile()
    others: list[int] = []
    gevent.spawn(others.append, 1)
    turnstile.go_through()
    assert not others
    gevent.sleep(0)


def test_who_comes_again_waits_behind_the_others() -> None:
    turnstile, done = Turnstile(), []

    def work(name: str) -> None:
        for _ in range(3):
            turnstile.go_through()
            done.append(name)
            spin(SLICE_SECONDS)

    gevent.joinall([gevent.spawn(work, name) for name in "abc"])
    # The first one is there again before the others have come.
    assert "".join(done) == "aabcabcbc"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> tuple[Turnstile, Event]:
    """Give a turnstile that lets nobody through, and what opens it."""
    turnstile, is_open = Turnstile(), Event()
    monkeypatch.setattr(turnstile, "_has_time", is_open.is_set)
    return turnstile, is_open


def test_addresses_take_turns(closed: tuple[Turnstile, Event]) -> None:
    turnstile, is_open = closed
    done: list[str] = []

    def work(address: str, name: str) -> None:
        turnstile.go_through(address)
        done.append(name)

    pieces = [("a", f"a{number}") for number in range(6)] + [("b", "b0"), ("c", "c0"), ("c", "c1")]
    workers = [gevent.spawn(work, *piece) for piece in pieces]
    gevent.sleep(0)
    is_open.set()
    gevent.joinall(workers)
    assert done == ["a0", "b0", "c0", "a1", "c1", "a2", "a3", "a4", "a5"]
    assert not turnstile._waiting


@pytest.mark.parametrize("killed", [[0], [1], [2, 3], [0, 1, 2], list(range(9))])
def test_killed_ones_hold_nobody_up(closed: tuple[Turnstile, Event], killed: list[int]) -> None:
    turnstile, is_open = closed
    done: list[int] = []

    def work(number: int) -> None:
        turnstile.go_through(f"address {number % 3}")
        done.append(number)

    workers = [gevent.spawn(work, number) for number in range(9)]
    gevent.sleep(0)
    gevent.killall([workers[number] for number in killed])
    is_open.set()
    gevent.joinall(workers)
    assert sorted([*done, *killed]) == list(range(9))
    assert not turnstile._waiting
