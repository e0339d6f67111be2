"""Werkzeug's profiler around the chat, for looking where the time goes; off unless a setting asks.

One request at a time is profiled and the others pass: the interpreter has one profiler. What
other requests do while this one waits is in its profile too, so look with one client. A
stream is never profiled: Werkzeug's would gather it until its end.
"""

import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.middleware.profiler import ProfilerMiddleware

MAX_NAME_CHARACTERS = 100


class OneProfileMiddleware:
    """Write a file into *directory* for each request that is profiled; `pstats` reads them."""

    def __init__(
        self, app: WSGIApplication, *, directory: Path, exempt: Callable[[WSGIEnvironment], bool]
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._app = app
        self._exempt = exempt
        self._is_free = threading.Lock()
        self._profiler = ProfilerMiddleware(
            app,
            stream=None,
            profile_dir=str(directory),
            filename_format=file_name,  # type: ignore[arg-type] # It takes a function too.
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._exempt(environ) or not self._is_free.acquire(blocking=False):
            return self._app(environ, start_response)
        try:
            return self._profiler(environ, start_response)
        finally:
            self._is_free.release()


def file_name(environ: WSGIEnvironment) -> str:
    """Return a name that says which request it was, whatever its path is made of."""
    request = f"{environ['REQUEST_METHOD']}.{environ['PATH_INFO'].strip('/') or 'root'}"
    plain = re.sub(r"[^A-Za-z0-9.-]", "_", request.replace("/", "."))[:MAX_NAME_CHARACTERS]
    measured = environ["werkzeug.profiler"]
    return f"{plain}.{measured['elapsed']:.0f}ms.{measured['time']:.3f}.prof"
