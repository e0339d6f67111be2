import threading
from contextlib import ExitStack

import pytest

from ngw2f.links.guard.deadline import Deadline
from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.sites import Sites

PLENTY_SECONDS = 60


def test_places_are_each_sites_own() -> None:
    sites = Sites(2)
    with ExitStack() as taken:
        for site in ("a", "a", "b"):
            taken.enter_context(sites.place(site, Deadline(PLENTY_SECONDS)))
        with pytest.raises(LinkFailed) as caught, sites.place("a", Deadline(0.01)):
            pass
        assert caught.value.kind == "timeout"


def test_place_comes_back_after_an_error() -> None:
    sites = Sites(1)
    with pytest.raises(ZeroDivisionError), sites.place("a", Deadline(PLENTY_SECONDS)):
        _ = 1 // 0
    with sites.place("a", Deadline(PLENTY_SECONDS)):
        pass
    assert sites._counts == {}


def test_who_waits_is_woken() -> None:
    sites = Sites(1)
    come = threading.Event()

    def wait() -> None:
        with sites.place("a", Deadline(PLENTY_SECONDS)):
            come.set()

    waiting = threading.Thread(target=wait)
    with sites.place("a", Deadline(PLENTY_SECONDS)):
        waiting.start()
        assert not come.wait(0.05)
    waiting.join()
    assert come.is_set()
