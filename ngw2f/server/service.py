"""The chat as a server runs it: a PEP 3333 callable that is started, drained and closed."""

from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import gevent

from ngw2f.broker.quick_check import use_quick_check
from ngw2f.observe.history import NOTE_SECONDS
from ngw2f.observe.logs import FLUSH_SECONDS as LOG_SECONDS
from ngw2f.observe.logs import configure_logs
from ngw2f.observe.metrics.families import DELIVERIES, PROCESSES, STREAMS
from ngw2f.observe.metrics.files import WRITE_SECONDS
from ngw2f.observe.metrics.requests import RequestMetrics
from ngw2f.own_stack import call_on_own_stack
from ngw2f.store.in_use import UseNote
from ngw2f.web.services import Services

# Its clients, and those of WebSockets, stay for hours, and most of the time nothing happens.
STREAM_PATH = "/events"
METER_SECONDS = 1.0
STATIC = Path(__file__).parents[1] / "static"


class ServerPart(Protocol):
    """What X-ray records of the server, around the application."""

    def begin(self, worker: object, request: Any) -> None:
        """Note that a request has arrived."""

    def end(self, response: Any) -> None:
        """Note that its response is sent, if there is one."""


class Service:
    """One chat, its chain, and what runs as long as the process that serves it.

    It can be called without `start`; then nothing is counted, and no stream is drained.
    """

    def __init__(
        self,
        services: Services,
        chain: WSGIApplication,
        route_of: Callable[[str], str] = lambda _path: "other",
    ) -> None:
        self.services = services
        # Counts requests for /metrics: gunicorn's hooks call it before and after each.
        self.requests = RequestMetrics(services.core.tally, route_of)
        self._chain = chain
        # What X-ray wants to know of the server; None: nothing is recorded.
        self.xray: ServerPart | None = None
        self._greenlets: list[gevent.Greenlet] = []
        self._use = UseNote(services.core.settings)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != STREAM_PATH and "HTTP_UPGRADE" not in environ:
            return self._chain(environ, start_response)
        call = partial(self._chain, environ, start_response)
        if self.xray is not None:
            # Another stack has a context of its own, which lacks what was noted of the request.
            call = partial(copy_context().run, call)
        return call_on_own_stack(call, close_body)

    def start(self) -> None:
        """Start the background greenlets, in the worker process."""
        settings, services = self.services.core.settings, self.services
        use_quick_check()
        self._use.note()
        services.core.clock.open()
        configure_logs(settings.log_level, services.log)
        services.log.start_gathering()
        services.hub.start()
        services.core.recorder.start()
        self._greenlets += [
            gevent.spawn(services.attendance.run, services.hub.user_ids),
            gevent.spawn(_every, METER_SECONDS, services.meter.flush),
            gevent.spawn(_every, WRITE_SECONDS, self._record),
            gevent.spawn(_every, NOTE_SECONDS, self._note),
            gevent.spawn(_every, LOG_SECONDS, services.log.flush),
        ]

    def begin(self, worker: object, request: Any) -> None:
        """Note when one of gunicorn's requests has arrived."""
        self.requests.begin(request)
        if self.xray is not None:
            self.xray.begin(worker, request)

    def end(self, request: Any, environ: dict[str, Any], response: Any) -> None:
        """Count a request after its response; without a *response* there was no valid request."""
        self.services.meter.count()
        self.requests.end(request, environ, response)
        if self.xray is not None:
            self.xray.end(response)

    def _record(self) -> None:
        """Write this process's counts to its file, for /metrics."""
        tally, hub = self.services.core.tally, self.services.hub
        streams = tally.values(STREAMS)
        streams |= dict.fromkeys(streams, 0) | {(form,): n for form, n in hub.streams().items()}
        tally.set(DELIVERIES, hub.delivered)
        tally.set(PROCESSES, 1, "web")
        self.services.core.recorder.write()

    def _note(self) -> None:
        """Add this process's counts to those of the current minute."""
        services = self.services
        services.history.note_web(
            requests=services.meter.total,
            deliveries=services.hub.delivered,
            streams=sum(services.hub.streams().values()),
        )

    def drain(self) -> None:
        """End all streams, because this worker is about to stop; their clients reconnect."""
        self.services.hub.drain()

    def close(self) -> None:
        """Stop the greenlets, and write the last counts and log lines."""
        gevent.killall(self._greenlets)
        self._record()
        self.services.close()
        self.services.log.flush()
        self._use.close()


def close_body(body: Iterable[bytes]) -> None:
    """Close a body that no server will get (PEP 3333)."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _every(seconds: float, do: Callable[[], None]) -> None:
    while True:
        gevent.sleep(seconds)
        do()
