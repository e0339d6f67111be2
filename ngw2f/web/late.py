"""What takes long to load, and is never needed by most processes.

Prometheus' library brings several servers. The first request for it waits in a thread, and the
event loop goes on for everybody else.
"""

from importlib import import_module
from types import ModuleType

import gevent

GAUGES = "ngw2f.jobs.gauges"
METRICS_TEXT = "ngw2f.observe.metrics.text"


def load(name: str) -> ModuleType:
    """Import a module without holding up the event loop."""
    module: ModuleType = gevent.get_hub().threadpool.apply(import_module, (name,))
    return module


def load_all() -> None:
    """Import them all at once: a reload tries whether what its workers will ask for is sound."""
    for late in (GAUGES, METRICS_TEXT):
        import_module(late)
