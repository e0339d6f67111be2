"""Wrap the chat in a file's current chain, without the layers that are switched off."""

import inspect
import runpy
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from examples.middleware.switches import Switches
from middleware.answer import Answer
from middleware.chain import Layer, chain, check_names
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.xray import Recorder

Version = tuple[int, int]


class Reading(NamedTuple):
    """The chain built from the file and the switches at some moment."""

    version: Version
    off: frozenset[str]
    layers: Sequence[Layer]
    failure: str
    application: WSGIApplication


class EditedChain:
    """An application wrapped in its own layers and in `layers` of a file.

    File and switches are checked before each request. If the chain cannot be built, or a layer
    fails, the answer says why.
    """

    def __init__(
        self, path: Path, app: WSGIApplication, switches: Switches, own: Sequence[Layer] = ()
    ) -> None:
        self.path = path
        self.app = app
        self.switches = switches
        self.own = own
        self.last: Reading | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.now().application(environ, start_response)

    def now(self) -> Reading:
        """Return the current chain."""
        version, off = version_of(self.path), self.switches.off()
        last = self.last
        if last is None or (last.version, last.off) != (version, off):
            self.last = last = self.read(version, off)
        return last

    def read(self, version: Version, off: frozenset[str]) -> Reading:
        layers = list(self.own)  # These can be switched where the file cannot be read, too.
        try:
            edited = [*runpy.run_path(str(self.path))["layers"], *self.own]
            check_names(edited)
            layers = edited
            on = [layer for layer in layers if layer.name not in off]
            # X-ray stands before each layer; whoever asks finds the trace in environ.
            chained = chain(on, self.app, Recorder(keep=1).probe)
        except Exception:
            answer = what_went_wrong({})
            return Reading(version, off, layers, traceback.format_exc(), answer)
        safe = ErrorBoundaryMiddleware(chained, page=what_went_wrong)
        return Reading(version, off, layers, "", safe)


def version_of(path: Path) -> Version:
    # File times have a resolution of some 10 ms, so two versions may have the same time.
    try:
        found = path.stat()
    except FileNotFoundError:
        return (-1, -1)
    return (found.st_mtime_ns, found.st_size)


def what_went_wrong(_environ: WSGIEnvironment) -> Answer:
    """Describe the current exception for the reader, whose code raised it."""
    return Answer("500 Internal Server Error", traceback.format_exc())


def what_it_does(layer: Layer) -> str:
    """Return the first line of a middleware's docstring, or an empty string."""
    said = inspect.getdoc(getattr(layer.factory, "func", layer.factory)) or ""
    return said.partition("\n")[0].replace("`", "")
