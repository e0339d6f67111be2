import time

import gevent
from gevent import socket

from ngw2f.turnstile import SLICE_SECONDS, Turnstile


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
