"""Measure ten slow requests at once with each arrangement: python measure.py [PLOT.svg].

`answered`: until all ten have an answer. `quick`: the duration of a quick request right after
them. `done`: until all ten are done.
"""

import http.client
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from examples.transcript.plot import draw
from examples.transcript.stage import Stage

SLOW = 10
LEAD_SECONDS = 0.05


class Arrangement(NamedTuple):
    name: str
    command: str
    path: str = "/wait"
    helpers: tuple[str, ...] = ()


RQ = (
    "sh valkey.sh 8009",
    *["rq worker --url redis://127.0.0.1:8009 -q -w rq.SimpleWorker"] * 2,
)
ARRANGEMENTS = [
    Arrangement("sync", "direct:application"),
    Arrangement("sync, 5 processes", "direct:application --workers 5"),
    Arrangement("10 threads", "direct:application --threads 10"),
    Arrangement("gevent", "direct:application --worker-class gevent"),
    Arrangement("10 threads, computing", "direct:application --threads 10", "/compute"),
    Arrangement("gevent, computing", "direct:application --worker-class gevent", "/compute"),
    Arrangement("202 and a thread", "accepted:application --threads 10"),
    Arrangement("202 and RQ, computing", "queued:application --threads 10", "/compute", RQ),
]


def main() -> None:
    plot: dict[str, dict[str, float]] = {
        "A quick request, just after ten slow ones (seconds)": {},
        "All ten are answered (seconds)": {},
    }
    print(f"{'arrangement':<24}{'answered':>9}{'quick':>8}{'done':>8}   (seconds)")
    for each in ARRANGEMENTS:
        answered, quick, done = measure(each)
        print(f"{each.name:<24}{answered:>9.2f}{quick:>8.3f}{done:>8.2f}", flush=True)
        for figures, figure in zip(plot.values(), (quick, answered), strict=True):
            figures[each.name] = figure
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]), plot)


def measure(arrangement: Arrangement) -> tuple[float, float, float]:
    """Return the three times of an arrangement."""
    with Stage(Path(__file__).parent) as stage, ThreadPoolExecutor(SLOW) as clients:
        for helper in arrangement.helpers:
            stage.start(helper)
        if arrangement.helpers:
            stage.environ["REDIS_URL"] = f"redis://127.0.0.1:{stage.ports['8009']}"
        port = stage.serve(f"gunicorn {arrangement.command}")
        ask(port, "/")  # A worker's first request is slower than all others.
        begun = time.monotonic()
        slow = [clients.submit(ask, port, arrangement.path) for _ in range(SLOW)]
        time.sleep(LEAD_SECONDS)
        asked = time.monotonic()
        ask(port, "/")
        quick = time.monotonic() - asked
        addresses = [each.result() for each in slow]
        answered = time.monotonic() - begun
        for address in filter(None, addresses):
            while ask(port, address, wanted=200) is None:
                time.sleep(0.02)
        return answered, quick, time.monotonic() - begun


def ask(port: int, path: str, wanted: int | None = None) -> str | None:
    """Return a task's URL, if the answer has one; None until the wanted status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    if wanted is not None:
        return path if response.status == wanted else None
    return response.headers["Location"]


if __name__ == "__main__":
    main()
