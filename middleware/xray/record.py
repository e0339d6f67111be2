"""Record what a test client asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware.chain import Layer, chain
from middleware.xray.discovery import probed
from middleware.xray.probe import Recorder
from middleware.xray.trace import Trace


class Recording:
    """An application whose requests are recorded; for WebTest, Werkzeug's client, or plain WSGI."""

    # What ran last in this process, for the report of a failed test.
    latest: Recording | None = None

    def __init__(self, app: WSGIApplication, layers: Sequence[Layer] | None, keep: int) -> None:
        self.recorder = Recorder(keep=keep)
        if layers is None:
            self.app = probed(app, self.recorder)
        else:
            self.app = chain(layers, app, self.recorder.probe)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        Recording.latest = self
        return self.app(environ, start_response)

    @property
    def traces(self) -> list[Trace]:
        """Return what was recorded, the oldest first."""
        return list(self.recorder.traces)

    @property
    def trace(self) -> Trace:
        """Return the trace of the last request. Raises `LookupError` if there was none."""
        if not self.recorder.traces:
            raise LookupError("no request was recorded yet")
        return self.recorder.traces[-1]


def record(
    app: WSGIApplication, layers: Sequence[Layer] | None = None, *, keep: int = 200
) -> Recording:
    """Return the application with a probe before each of its layers.

    For example::

        recorded = record(application)
        TestApp(recorded).get("/messages")
        assert recorded.trace.layer("cache").added("Age")

    `app`: a chain that is built already; its layers are found by the attributes in which they
        keep each other, and named after their classes. Or the application for `layers`.
    `layers`: the chain as a list (`middleware.chain`), whose names the layers then have.
    `keep`: how many requests are kept.
    """
    return Recording(app, layers, keep)
