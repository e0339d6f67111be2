"""What takes long to load, and is never needed by most processes.

Python-socketio brings a client of Valkey and a dozen transports (11 MB, a quarter of a second of
processor time), Prometheus' library several servers. Who first asks for them waits, in a thread:
the event loop goes on for everybody else.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import gevent

from ngw2f.http import Request, Response
from ngw2f.web.services import Services

if TYPE_CHECKING:
    from ngw2f.web.socketio import SocketIOGateway

SOCKETIO = "ngw2f.web.socketio"
GAUGES = "ngw2f.jobs.gauges"
METRICS_TEXT = "ngw2f.observe.metrics.text"


class Gateway(Protocol):
    """What answers the requests of a protocol."""

    def serve(self, services: Services, request: Request) -> Response: ...


def load(name: str) -> ModuleType:
    """Import a module without holding up the event loop."""
    module: ModuleType = gevent.get_hub().threadpool.apply(import_module, (name,))
    return module


class LateSocketIOGateway:
    """The Socket.IO gateway of one process, loaded at its first request."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._gateway: SocketIOGateway | None = None

    def serve(self, services: Services, request: Request) -> Response:
        if self._gateway is None:
            module = load(SOCKETIO)
            # Others may have waited as well; only the first of them makes it.
            self._gateway = self._gateway or module.SocketIOGateway(self._services)
        return self._gateway.serve(services, request)


if __name__ == "__main__":
    # A reload tries whether what its workers will ask for can be loaded.
    for late in (SOCKETIO, GAUGES, METRICS_TEXT):
        import_module(late)
