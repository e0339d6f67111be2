"""Show in the browser's developer tools where the time of a request went.

Environ keys written: `middleware.server_timing`, a `Timings`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware._wsgi import Headers, changing_headers
from middleware.headers import TOKEN, checked

KEY = "middleware.server_timing"


class Timings:
    """The metrics of one request, until its headers are sent."""

    def __init__(self) -> None:
        self.metrics: list[str] = []

    def add(self, name: str, seconds: float, description: str = "") -> None:
        """Add a metric; `ValueError` if the name is not a token or the text not printable."""
        if not TOKEN.fullmatch(name):
            raise ValueError(f"not a token: {name!r}")
        metric = f"{name};dur={seconds * 1000:.3f}"
        if description:
            escaped = checked(description).replace("\\", "\\\\").replace('"', '\\"')
            metric += f';desc="{escaped}"'
        self.metrics.append(metric)

    @contextmanager
    def measure(self, name: str, description: str = "") -> Iterator[None]:
        """Add a metric with the time that the block takes, even if it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start, description)


class ServerTimingMiddleware:
    """Measure the time until the application answers, and send it as `Server-Timing`.

    Request: gets a `Timings` in environ, to which the layers below can add metrics.
    Response: `Server-Timing` with these metrics and the total, in milliseconds; a line that the
    application sent itself stays beside it.

    `name`: the name of the total; `total` unless given.
    `when(environ)`: who may see it; everybody unless given. Times can tell an attacker something
        (does this account exist?), so in production only developers should see them.

    Writes `middleware.server_timing`, for the requests that `when` selects.

    Place: outside what it should measure; inside the access log, which measures the whole time.

    Rules: W3C Server Timing, "The Server-Timing Header Field"; RFC 9110 section 5.6.2 (tokens)
    and 5.6.4 (quoted strings). A metric that is added after the headers are sent is lost.

    It does not send trailers, and does not measure the body.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        name: str = "total",
        when: Callable[[WSGIEnvironment], bool] | None = None,
    ) -> None:
        Timings().add(name, 0)  # This raises for a bad name now, and not at the first request.
        self.app = app
        self.name = name
        self.when = function_of("when", when)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.when is not None and not self.when(environ):
            return self.app(environ, start_response)
        timings = environ[KEY] = Timings()
        begin = time.perf_counter()

        def with_timing(status: str, headers: Headers) -> Headers:
            total = f"{self.name};dur={(time.perf_counter() - begin) * 1000:.3f}"
            return [*headers, ("Server-Timing", ", ".join([total, *timings.metrics]))]

        return self.app(environ, changing_headers(start_response, with_timing))
