from __future__ import annotations

import threading

from middleware.cache.collapsing import Flights
from tests.middleware.cache.around import FakeClock


def test_first_leads_and_others_wait() -> None:
    flights = Flights(10)
    flight, leads = flights.join("a")
    assert leads
    assert flights.join("a") == (flight, False)
    assert flights.join("b")[1]


def test_landing_lets_the_others_go_on() -> None:
    flights = Flights(10)
    flight, _ = flights.join("a")
    done: list[bool] = []
    waiting = threading.Thread(target=lambda: done.append(flight.wait(10)))
    waiting.start()
    flights.land(flight, reusable=True)
    waiting.join()
    assert done == [True]
    assert flights.join("a")[1], "the next one leads again"


def test_waiting_ends_after_a_time() -> None:
    flight, _ = Flights(10).join("a")
    assert not flight.wait(0.01)


def test_what_could_not_be_shared_is_remembered_for_a_while() -> None:
    clock = FakeClock()
    flights = Flights(10, clock)
    flights.land(flights.join("a")[0], reusable=False)
    assert flights.is_uncacheable("a")
    clock.pass_by(11)
    assert not flights.is_uncacheable("a")


def test_what_was_shared_is_worth_waiting_for_again() -> None:
    flights = Flights(10)
    flights.land(flights.join("a")[0], reusable=False)
    flights.land(flights.join("a")[0], reusable=True)
    assert not flights.is_uncacheable("a")


def test_failed_flight_says_nothing() -> None:
    flights = Flights(10)
    flights.land(flights.join("a")[0], reusable=None)
    assert not flights.is_uncacheable("a")


def test_landing_twice_does_not_end_the_next_flight() -> None:
    flights = Flights(10)
    first, _ = flights.join("a")
    flights.land(first, reusable=None)
    second, _ = flights.join("a")
    flights.land(first, reusable=False)
    assert flights.join("a") == (second, False)
    assert not flights.is_uncacheable("a")


def test_memory_of_the_uncacheable_is_bounded() -> None:
    flights = Flights(10)
    for number in range(5000):
        flights.land(flights.join(number)[0], reusable=False)
    assert len(flights._uncacheable) <= 4096
