"""/metrics: what all processes of this machine have counted, and how the queues are now."""

import fcntl
import platform
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from ngw2f import __version__
from ngw2f.broker.connection import Broker, Health
from ngw2f.http import Request, Response, problem
from ngw2f.jobs.gauges import QueueGauge, read_gauges
from ngw2f.observe.metrics.files import VALUES, fold_dead, locked
from ngw2f.store.database import Database
from ngw2f.web.operators import is_operator
from ngw2f.web.services import Services

# What Prometheus and its like read; the newer forms say no more of ours.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
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


def show(services: Services, request: Request) -> Response:
    """Answer who bears the token, or where there is none whoever is on this machine; else 403."""
    if not is_operator(services, request):
        raise problem(
            403, "only for who bears metrics_token, or without that setting for this machine"
        )
    services.core.recorder.write()
    text = write_text(
        services.core.settings.metrics_path, services.core.database, services.core.broker
    )
    response = Response(text, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def write_text(directory: Path, database: Database, broker: Broker) -> bytes:
    """Return all metrics in Prometheus' text form."""
    now = CollectorRegistry()
    now.register(Now(database, broker))
    # Apart, and first: it waits for database and broker, and who has the lock below must
    # not wait. Another request of this process would want the lock, and hold the event loop.
    text = generate_latest(now)
    return text + _write_counts(directory) if directory.is_dir() else text


def _write_counts(directory: Path) -> bytes:
    fold_dead(directory)
    registry = CollectorRegistry()
    # While it reads, no process that ends moves its counts from one file to another.
    with locked(directory, fcntl.LOCK_SH):
        registry.register(Counts(directory))
        return generate_latest(registry)


class Counts(Collector):
    """What the processes have counted. Any name will do for the directory, `[` and `*` in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        files = [str(path) for path in self._directory.glob(f"*{VALUES}")]
        yield from MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


class Now(Collector):
    """What is asked for at the moment of the scrape."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker

    def collect(self) -> Iterator[Metric]:
        yield _build()
        database_up = GaugeMetricFamily("ngw2f_database_up", "Whether the database answers.")
        try:
            gauges = read_gauges(self._database, self._broker)
        except SQLAlchemyError:
            gauges = []
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
    """Give out how Redis is; while it is away, that alone."""
    up = GaugeMetricFamily("ngw2f_broker_up", "Whether Redis answers.")
    up.add_metric([], health is not None)
    yield up
    for name, about in BROKER_GAUGES.items() if health else ():
        gauge = GaugeMetricFamily(f"ngw2f_broker_{name}", about)
        gauge.add_metric([], getattr(health, name))
        yield gauge


def _queues(name: str, about: str, gauges: list[QueueGauge]) -> Metric:
    """Return one gauge of all queues; of those that Redis knows, none while it is away."""
    family = GaugeMetricFamily(f"ngw2f_queue_{name}", about, labels=["queue"])
    for gauge in gauges:
        value: float | None = getattr(gauge, name)
        if value is not None:
            family.add_metric([gauge.name], value)
    return family
