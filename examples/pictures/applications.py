"""Record WSGI: the server's calls, and the application's responses.

In gunicorn `hooks.py` wraps the loaded application. Other servers load
`examples.pictures.applications:application`, and PICTURE_APP names the wrapped one.
"""

import json
import os
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from examples.pictures.events import log_of_run

# The watched programs: the server, then the applications from outermost to innermost.
NAMES, APP = "PICTURE_NAMES", "PICTURE_APP"
SHOWN = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_COOKIE")
# Ensures that a chunk is on the wire before the next one.
PAUSE_SECONDS = 0.05


class Body:
    """What an application returned; records each chunk."""

    def __init__(self, body: Iterable[bytes], given: Callable[[str], None], call: Any) -> None:
        self.body, self.given, self.call = body, given, call

    def __iter__(self) -> Iterator[bytes]:
        for part in self.body:
            self.given(repr(part))
            yield part
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        if hasattr(self.body, "close"):
            self.call("close()")
            self.body.close()


class Watched:
    """A watched application, with the names of its caller and itself."""

    def __init__(self, app: WSGIApplication, caller: str, name: str) -> None:
        self.app, self.caller, self.name = app, caller, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        shown = [f"{key} = {environ[key]!r}" for key in SHOWN if environ.get(key)]
        self.call("application(environ, start_response)", *shown)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self.answer(
                f"start_response({status!r}, [", *(f"  {header}" for header in headers), "])"
            )
            return start_response(status, headers, *more)

        return Body(self.app(environ, start), self.answer, self.call)

    def call(self, *lines: str) -> None:
        log_of_run().tell(self.caller, self.name, *lines)

    def answer(self, *lines: str) -> None:
        log_of_run().tell(self.name, self.caller, *lines)


def watch(app: Any, names: list[str]) -> Any:
    """Watch an application and those it wraps, as far as there are names."""
    caller, name, *further = names
    if further:
        app.app = watch(app.app, [name, *further])
    return Watched(app, caller, name)


def __getattr__(name: str) -> object:
    if name != "application":
        raise AttributeError(name)
    return watch(pkgutil.resolve_name(os.environ[APP]), json.loads(os.environ[NAMES]))
