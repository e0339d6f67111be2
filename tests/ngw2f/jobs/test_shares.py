from collections.abc import Callable
from contextlib import closing

import pytest

from ngw2f.jobs.shares import HALF_LIFE_SECONDS, LEAST_SECONDS, Shares


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def processor() -> Clock:
    return Clock()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(processor: Clock, clock: Clock) -> Callable[..., list[str]]:
    """Return what does the work of names such as "a1": each author's takes so many seconds."""
    shares = Shares(processor, clock)

    def work(waiting: list[str], seconds: dict[str, int], limit: int | None = None) -> list[str]:
        done = []
        with closing(shares.in_turn(waiting, lambda name: ord(name[0]))) as in_turn:
            for name in in_turn:
                done.append(name)
                processor.seconds += seconds[name[0]]
                if len(done) == limit:
                    break
        return done

    return work


def test_authors_take_turns(work: Callable[..., list[str]]) -> None:
    done = work(["a1", "a2", "a3", "b1", "b2"], {"a": 1, "b": 1})
    assert done == ["a1", "b1", "a2", "b2", "a3"]


def test_long_ones_wait_for_short_ones(work: Callable[..., list[str]]) -> None:
    done = work(["a1", "a2", "b1", "b2", "b3"], {"a": 10, "b": 1})
    assert done == ["a1", "b1", "b2", "b3", "a2"]


def test_what_was_long_counts_later_too(work: Callable[..., list[str]]) -> None:
    work(["a1"], {"a": 10})
    assert work(["a2", "b1"], {"a": 10, "b": 1}) == ["b1", "a2"]


def test_one_that_ends_the_batch_counts(work: Callable[..., list[str]]) -> None:
    assert work(["a1", "b1"], {"a": 10, "b": 1}, limit=1) == ["a1"]
    assert work(["a2", "b1"], {"a": 10, "b": 1}) == ["b1", "a2"]


def test_one_that_raises_counts(processor: Clock, clock: Clock) -> None:
    shares = Shares(processor, clock)

    def fail() -> None:
        with closing(shares.in_turn("ab", ord)) as in_turn:
            for _ in in_turn:
                processor.seconds += 1
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(shares.in_turn("ab", ord)) == ["b", "a"]


def test_it_is_forgotten_with_time(work: Callable[..., list[str]], clock: Clock) -> None:
    work(["a1"], {"a": 4})
    clock.seconds += 3 * HALF_LIFE_SECONDS
    assert work(["b1", "b2", "a2"], {"a": 0, "b": 1}) == ["b1", "a2", "b2"]


def test_nobody_is_kept_for_ever(processor: Clock, clock: Clock) -> None:
    shares = Shares(processor, clock)
    for author in range(1_000):
        list(shares.in_turn([author], int))
        clock.seconds += 1
    processor.seconds += LEAST_SECONDS
    list(shares.in_turn([], int))
    assert shares._spent == {}
