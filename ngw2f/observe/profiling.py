"""A profile of each request, for looking where the time goes; off unless a setting asks for it.

One request at a time is profiled and the others pass: the interpreter has one profiler. The
profile also covers what other requests do meanwhile, so profile with a single client. A stream
is never profiled: the whole response is collected before it is sent.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable
from cProfile import Profile
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MAX_NAME_CHARACTERS = 100


class OneProfileMiddleware:
    """Write a file into *directory* for each profiled request; `pstats` reads them."""

    def __init__(
        self, app: WSGIApplication, *, directory: Path, exempt: Callable[[WSGIEnvironment], bool]
    ) -> None:
        self._app = app
        self._directory = directory
        self._exempt = exempt
        self._is_free = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._exempt(environ) or not self._is_free.acquire(blocking=False):
            return self._app(environ, start_response)
        try:
            return self._profile(environ, start_response)
        finally:
            self._is_free.release()

    def _profile(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        # The application may change the environ.
        request = f"{environ['REQUEST_METHOD']}.{environ['PATH_INFO'].strip('/') or 'root'}"
        profile = Profile()
        start = time.perf_counter()
        body = profile.runcall(_collect, self._app, environ, start_response)
        milliseconds = (time.perf_counter() - start) * 1000
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        profile.dump_stats(self._directory / file_name(request, milliseconds))
        return body


def _collect(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> list[bytes]:
    """Run *app* to its end and return the chunks of its body."""
    body = app(environ, start_response)
    try:
        return list(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def file_name(request: str, milliseconds: float) -> str:
    """Return a file name that tells which request it was, whatever its path contains."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "_", request.replace("/", "."))[:MAX_NAME_CHARACTERS]
    return f"{plain}.{milliseconds:.0f}ms.{time.time():.3f}.prof"
