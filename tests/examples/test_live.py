"""What the step says of each transport, on this machine."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from examples.live import crowd, measure
from examples.transcript.machine import has_module
from examples.transcript.stage import Stage
from tests.examples.readmes import figures_of, print_measured
from tests.needs import lacking
from tests.waiting import is_ever

# By the name of a transport: its requests, bytes sent, bytes received, and its delay.
Figures = dict[str, tuple[int, int, int, float]]
Look = Callable[[], Figures]
IsEverSo = Callable[[Callable[[Figures], bool]], bool]

COMMAND = "gunicorn --worker-class gevent clock:application"
PUSHED = ["streaming", "Server-Sent Events", "WebSocket", "Socket.IO"]


@pytest.fixture(scope="module")
def printed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give the lines of the README's commands."""
    for name, project in (("socketio", "python-socketio"), ("simple_websocket", None)):
        if not has_module(name):
            lacking(name, f"pip install {project or name}")
    return print_measured("live", tmp_path_factory.mktemp("live"), installed)


@pytest.fixture(scope="module")
def figures(printed: list[str]) -> Figures:
    heading, *lines = printed[: 1 + len(measure.TRANSPORTS)]
    assert heading.split()[:2] == ["transport", "requests"]
    rows = figures_of(lines, 4)
    assert list(rows) == list(measure.TRANSPORTS)
    return {
        name: (int(requests), int(sent), int(received), late / 1000)
        for name, (requests, sent, received, late) in rows.items()
    }


@pytest.fixture(scope="module")
def measured() -> Iterator[Look]:
    """Give a function that has six clients at once look at the same clock."""
    with Stage(Path(measure.__file__).parent) as stage, ThreadPoolExecutor() as pool:
        # Only who looks again needs it.
        serve = cache(lambda: stage.serve(COMMAND))
        transports = measure.TRANSPORTS

        def look() -> Figures:
            port = serve()
            each = pool.map(lambda each: measure.measure(port, each), transports.values())
            return dict(zip(transports, each, strict=True))

        yield look


@pytest.fixture(scope="module")
def is_ever_so(figures: Figures, measured: Look) -> IsEverSo:
    """Give a function that looks again, if a busy machine has spoilt the figures."""
    return lambda ask: ask(figures) or is_ever(lambda: ask(measured()))


def test_polling_asks_more_often_than_there_is_news(is_ever_so: IsEverSo) -> None:
    assert is_ever_so(lambda figures: figures["polling"][0] > 1.5 * measure.TICKS)


def test_long_polling_asks_once_for_each_tick(figures: Figures) -> None:
    requests, *_ = figures["long polling"]
    assert measure.TICKS <= requests <= measure.TICKS + 1


@pytest.mark.parametrize("name", PUSHED)
def test_push_is_one_request_and_fewer_bytes(figures: Figures, name: str) -> None:
    requests, sent, received, _ = figures[name]
    assert requests == 1
    assert sent + received < sum(figures["long polling"][1:3]) / 2


@pytest.mark.parametrize("name", ["long polling", *PUSHED])
def test_push_is_sooner_than_polling(is_ever_so: IsEverSo, name: str) -> None:
    assert is_ever_so(lambda figures: figures[name][3] < figures["polling"][3])


def test_crowd_that_listens_asks_once_and_hears_more(printed: list[str]) -> None:
    heading, *lines = printed[-3:]
    clients = int(heading.split()[0])
    rows = figures_of(lines, 4)
    assert list(rows) == ["asking twice", "listening"]

    def is_so(clients: int, asking: crowd.Cost, listening: crowd.Cost) -> bool:
        # On a busy machine some come when it is over.
        return (
            listening.requests == clients / crowd.SECONDS
            and asking.requests > 2 * listening.requests
            and listening.ticks > asking.ticks
        )

    def is_so_again() -> bool:
        return is_so(20, crowd.measure(20, crowd.ask), crowd.measure(20, crowd.listen))

    asking, listening = (crowd.Cost(*row) for row in rows.values())
    assert is_so(clients, asking, listening) or is_ever(is_so_again)
