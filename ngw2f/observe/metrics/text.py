"""All metrics of this machine in Prometheus' text form: what /metrics and `ngw2f metrics` say."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from ngw2f import __version__
from ngw2f.broker.connection import Broker, Health
from ngw2f.observe.metrics.files import VALUES, fold_dead, lock_files

QUEUE_GAUGES = {
    "waiting": "Messages or links that wait for a worker.",
    "oldest_wait_seconds": "How long the oldest of them has waited.",
    "failed_jobs": "Jobs that have failed, and are not tried again.",
    "workers": "Workers that are there for the queue, on all machines.",
}
BROKER_GAUGES = {
    "memory_bytes": "Memory that Redis has taken.",
    "memory_limit_bytes": "What it may take (maxmemory); 0: as much as there is.",
    "clients": "Connections that it has.",
    "answer_seconds": "How long it took to answer this scrape.",
    "writes_to_disk": "Whether what it last wrote to its disk got there.",
}


@dataclass(frozen=True, slots=True)
class QueueGauge:
    """One queue. `waiting` counts messages or links, which are what waits, and not RQ's jobs.

    `failed_jobs` and `workers` are None while Redis is unreachable.
    """

    name: str
    waiting: int
    oldest_wait_seconds: float
    failed_jobs: int | None
    workers: int | None


# Raises SQLAlchemyError while the database is unreachable.
ReadGauges = Callable[[], Sequence[QueueGauge]]


def write_text(directory: Path, broker: Broker, read_gauges: ReadGauges) -> bytes:
    """Return all metrics in Prometheus' text form."""
    now = CollectorRegistry()
    now.register(Now(broker, read_gauges))
    # Before the lock below is taken: this waits for the database and the broker, and another
    # request of this process that wanted the lock meanwhile would block the event loop.
    text = generate_latest(now)
    return text + _write_counts(directory) if directory.is_dir() else text


def _write_counts(directory: Path) -> bytes:
    fold_dead(directory)
    registry = CollectorRegistry()
    # Meanwhile no process that ends may move its counts from one file to another.
    with lock_files(directory, shared=True):
        registry.register(Counts(directory))
        return generate_latest(registry)


class Counts(Collector):
    """What the processes have counted. The directory may have any name, `[` and `*` included."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        files = [str(path) for path in self._directory.glob(f"*{VALUES}")]
        yield from MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


class Now(Collector):
    """What is measured at the scrape."""

    def __init__(self, broker: Broker, read_gauges: ReadGauges) -> None:
        self._broker = broker
        self._read_gauges = read_gauges

    def collect(self) -> Iterator[Metric]:
        yield _build()
        database_up = GaugeMetricFamily("ngw2f_database_up", "Whether the database answers.")
        gauges: Sequence[QueueGauge] = []
        with suppress(SQLAlchemyError):
            gauges = self._read_gauges()
        database_up.add_metric([], bool(gauges))
        yield database_up
        for name, about in QUEUE_GAUGES.items():
            yield _queues(name, about, gauges)
        yield from _broker(self._broker.health())


def _build() -> Metric:
    build = GaugeMetricFamily(
        "ngw2f_build_info", "Which versions run.", labels=["version", "python"]
    )
    build.add_metric([__version__, platform.python_version()], 1)
    return build


def _broker(health: Health | None) -> Iterator[Metric]:
    """Yield how Redis is; while it is unreachable, only that."""
    up = GaugeMetricFamily("ngw2f_broker_up", "Whether Redis answers.")
    up.add_metric([], health is not None)
    yield up
    for name, about in BROKER_GAUGES.items() if health else ():
        gauge = GaugeMetricFamily(f"ngw2f_broker_{name}", about)
        gauge.add_metric([], getattr(health, name))
        yield gauge


def _queues(name: str, about: str, gauges: Sequence[QueueGauge]) -> Metric:
    """Return one gauge of all queues, without the values that cannot be read now."""
    family = GaugeMetricFamily(f"ngw2f_queue_{name}", about, labels=["queue"])
    for gauge in gauges:
        value: float | None = getattr(gauge, name)
        if value is not None:
            family.add_metric([gauge.name], value)
    return family
