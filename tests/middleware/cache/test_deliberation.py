"""Requests at once: one of them asks the application, the others wait for its answer."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest

from middleware.cache import MemoryStore
from middleware.cache.collapsing import Flight
from middleware.cache.stores.base import NO_TIME
from middleware.cache.variants import Variants
from tests.middleware.cache.around import Client, Origin, fresh, request, status_of
from tests.middleware.serving import BrokenError, Exchange
from tests.needs import lacking

CROWD = 200


class Gate:
    """Holds the application until so many requests wait for it."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self.opened.wait(60)


def ask_at_once(client: Client, gate: Gate, asks: list[Callable[[], Exchange]]) -> list[Exchange]:
    """Let the first request into the application, then the others wait, then open the gate."""
    with ThreadPoolExecutor(len(asks)) as pool:
        first = pool.submit(asks[0])
        assert gate.entered.wait(60)
        others = [pool.submit(ask) for ask in asks[1:]]
        wait_for_waiters(client, len(others))
        gate.opened.set()
        return [future.result(60) for future in (first, *others)]


def wait_for_waiters(client: Client, number: int) -> None:
    pause = threading.Event()
    for _ in range(5000):
        flights = list(client.cache._parts.flights._flying.values())
        if sum(flight.waiters for flight in flights) >= number:
            return
        pause.wait(0.01)
    raise AssertionError("the others never waited")


def crowd(client: Client, gate: Gate, number: int = 10, **fields: str) -> list[Exchange]:
    return ask_at_once(client, gate, [lambda: client.ask(**fields)] * number)


def test_200_clients_for_an_entry_just_gone_stale_are_one_call() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    origin.before = gate = Gate()
    origin.body = b"new"
    done = crowd(client, gate, CROWD)
    assert origin.calls == 2
    assert {exchange.content for exchange in done} == {b"new"}
    collapsed = [exchange for exchange in done if "collapsed" in status_of(exchange)]
    assert len(collapsed) == CROWD - 1


UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import gevent
from tests.middleware.cache.around import Client, fresh
origin = fresh()
client = Client(origin)
client.ask()
client.clock.pass_by(61)
origin.before = lambda: gevent.sleep(0.2)
asking = [gevent.spawn(client.ask) for _ in range(200)]
gevent.joinall(asking, timeout=60)
assert origin.calls == 2, origin.calls
assert {greenlet.value.content for greenlet in asking} == {b"hello"}
"""


def test_200_clients_under_gevent_are_one_call() -> None:
    if find_spec("gevent") is None:
        lacking("gevent", "pip install gevent")
    subprocess.run([sys.executable, "-W", "ignore", "-c", UNDER_GEVENT], check=True, timeout=60)


def test_clients_with_conditions_wait_too() -> None:
    origin = fresh(etag='"a"')
    client = Client(origin)
    origin.before = gate = Gate()
    done = crowd(client, gate, If_None_Match='"a"')
    assert origin.calls == 1
    assert {exchange.status for exchange in done} == {"304 Not Modified"}


def test_variants_take_a_call_each() -> None:
    origin = fresh(vary="Accept")
    client = Client(origin)
    client.ask(Accept="x")
    origin.before = gate = Gate()
    kinds = ["a", *(["a", "b"] * 5)]
    with ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(client.ask, Accept=kind) for kind in kinds]
        assert gate.entered.wait(60)
        wait_for_waiters(client, len(kinds) - 2)
        gate.opened.set()
        for future in asking:
            future.result(60)
    assert origin.calls == 3


def test_uncacheable_answer_lets_all_go_at_once() -> None:
    origin = Origin(cache_control="no-store")
    client = Client(origin)
    origin.before = gate = Gate()
    done = crowd(client, gate)
    assert origin.calls == 10
    assert {exchange.content for exchange in done} == {b"hello"}


def test_nobody_waits_for_what_was_uncacheable() -> None:
    origin = Origin(cache_control="no-store")
    client = Client(origin)
    client.ask()
    inner: list[Exchange] = []

    def ask_inside() -> None:
        origin.before = lambda: None
        inner.append(client.ask())

    origin.before = ask_inside
    client.ask()
    assert inner[0].content == b"hello", "would have waited for itself"


def test_answer_that_needs_validation_lets_all_go_at_once() -> None:
    origin = Origin(cache_control="no-cache", etag='"a"')
    client = Client(origin)
    origin.before = gate = Gate()
    crowd(client, gate)
    assert origin.calls == 10


def test_those_who_wait_too_long_go_by_themselves() -> None:
    origin = fresh()
    client = Client(origin, collapse_seconds=0.05)
    inner: list[Exchange] = []

    def ask_inside() -> None:
        origin.before = lambda: None
        inner.append(client.ask())

    origin.before = ask_inside
    client.ask()
    assert inner[0].content == b"hello"
    assert origin.calls == 2


def ask_once_meanwhile(client: Client, origin: Origin, **fields: str) -> None:
    """Have the origin, while it answers the first request, see another one."""

    def ask() -> None:
        origin.before = lambda: None
        client.ask(**fields)

    origin.before = ask


def test_waiting_can_be_turned_off() -> None:
    origin = fresh()
    client = Client(origin, collapse_seconds=0)
    ask_once_meanwhile(client, origin)
    client.ask()
    assert origin.calls == 2


@pytest.mark.parametrize(
    "fields",
    [{"Range": "bytes=0-1"}, {"Cache_Control": "no-cache"}, {"Cache_Control": "no-store"}],
)
def test_requests_of_their_own_kind_do_not_wait(fields: dict[str, str]) -> None:
    origin = fresh()
    client = Client(origin)
    ask_once_meanwhile(client, origin, **fields)
    client.ask()
    assert origin.calls == 2


def test_leader_that_fails_makes_way_for_the_next() -> None:
    origin = fresh()
    client = Client(origin)
    gate = Gate()

    def fail_once() -> None:
        gate()
        origin.before = lambda: None
        raise BrokenError

    origin.before = fail_once
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(client.ask)
        assert gate.entered.wait(60)
        others = [pool.submit(client.ask) for _ in range(9)]
        wait_for_waiters(client, 9)
        gate.opened.set()
        with pytest.raises(BrokenError):
            first.result(60)
        assert {future.result(60).content for future in others} == {b"hello"}
    assert origin.calls == 2


def test_leader_whose_client_leaves_still_lands() -> None:
    origin = fresh(iter([b"he", b"llo"]))
    client = Client(origin)
    gate = Gate()
    origin.before = gate

    def leave_early() -> Exchange:
        return Exchange(request()).run(client.cache, chunks=1)

    done = ask_at_once(client, gate, [leave_early, *[client.ask] * 5])
    assert origin.calls == 1
    assert {exchange.content for exchange in done[1:]} == {b"hello"}


def test_stale_answer_after_an_error_serves_all_who_waited() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    gate = Gate()

    def fail() -> None:
        gate()
        raise ConnectionRefusedError

    origin.before = fail
    done = crowd(client, gate)
    assert origin.calls == 2
    assert {exchange.content for exchange in done} == {b"hello"}


def test_stale_answer_that_the_leader_alone_accepts_makes_the_others_ask() -> None:
    origin = fresh()
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    gate = Gate()

    def fail() -> None:
        gate()
        raise BrokenError

    def ask_plainly() -> Exchange:
        with pytest.raises(BrokenError):
            client.ask()
        return Exchange()

    origin.before = fail
    accepting = partial(client.ask, Cache_Control="stale-if-error=600")
    assert ask_at_once(client, gate, [accepting, ask_plainly])[0].content == b"hello"
    assert origin.calls == 3


def test_stale_answer_that_is_not_for_all_makes_the_others_ask() -> None:
    origin = Origin(cache_control="max-age=60, must-revalidate")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(61)
    flight, _ = client.cache._parts.flights.join(("http://localhost/", (), False))
    flight.stale_served = True

    def land() -> None:
        wait_for_waiters(client, 1)
        client.cache._parts.flights.land(flight, reusable=True)

    landing = threading.Thread(target=land)
    landing.start()
    assert client.ask().content == b"hello"
    landing.join()
    assert origin.calls == 2


def test_groups_dropped_again_and_again_end_the_waiting() -> None:
    origin = fresh()
    client = Client(origin)
    waits: list[float] = []

    class Landed(Flight):
        def wait(self, timeout_seconds: float) -> bool:
            waits.append(timeout_seconds)
            return True

    client.cache._parts.flights.join = lambda key: (Landed(key), False)  # type: ignore[method-assign]
    assert client.ask().content == b"hello"
    assert len(waits) == 3


def test_answer_that_came_between_look_and_lead_is_used() -> None:
    origin = fresh()
    client = Client(origin)
    join = client.cache._parts.flights.join
    asked: list[Any] = []

    def join_late(key: object) -> tuple[Flight, bool]:
        if not asked:
            asked.append(client)
            client.ask()
        return join(key)

    client.cache._parts.flights.join = join_late  # type: ignore[method-assign]
    assert client.ask().content == b"hello"
    assert origin.calls == 1


def test_failing_store_leaves_no_flight() -> None:
    origin = fresh()
    client = Client(origin)
    lookup = client.store.lookup
    looks = []

    def fail_once(key: str) -> Any:
        looks.append(key)
        if len(looks) == 2:
            raise BrokenError
        return lookup(key)

    client.store.lookup = fail_once  # type: ignore[method-assign]
    with pytest.raises(BrokenError):
        client.ask()
    assert client.ask().content == b"hello"


@pytest.mark.parametrize("reason", ["too small", "away"])
def test_nobody_waits_for_what_the_store_does_not_take(reason: str) -> None:
    """One after another they would wait for nothing."""
    origin = fresh(b"x" * 10_000)
    client = Client(origin, store=MemoryStore(5_000))
    if reason == "away":
        client.store.lookup = lambda key: (Variants(), NO_TIME)  # type: ignore[method-assign]
    else:
        client.ask()
    client.cache._parts.flights.join = lambda key: pytest.fail("it waits")  # type: ignore[method-assign]
    assert len(client.ask().content) == 10_000


def test_revalidation_is_one_for_many() -> None:
    origin = Origin(cache_control="max-age=60, stale-while-revalidate=30")
    client = Client(origin)
    client.ask()
    client.clock.pass_by(70)
    for _ in range(10):
        assert client.ask().content == b"hello"
    client.do_background_work()
    assert origin.calls == 2
