import os
from collections.abc import Iterator

import pytest

from ngw2f.jobs.demand import Demand, demand_of


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_asks_once(pipe: tuple[int, int]) -> None:
    reader, status = pipe
    handed_over: list[str] = []
    demand = Demand(["links"], status, handed_over.append)
    for _ in range(3):
        demand.announce("links")
    assert os.read(reader, 100) == demand_of("links")
    assert handed_over == ["links"]


def test_asks_for_nothing_that_others_do(pipe: tuple[int, int]) -> None:
    reader, status = pipe
    Demand(["links"], status, lambda _queue: None).announce("render")
    with pytest.raises(BlockingIOError):
        os.read(reader, 100)


def test_goes_on_without_a_supervisor() -> None:
    reader, status = os.pipe()
    os.close(reader)
    Demand(["links"], status, lambda _queue: None).announce("links")
    os.close(status)
    Demand(["links"], None, lambda _queue: None).announce("links")
