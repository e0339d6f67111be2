"""Serve the chat with a chain around it that one edits: python -m examples.middleware.play [PORT].

The chain is `layers` in playground.py: the one in the current directory, or else the one beside
this file. It is read again when it has changed; if that fails, or a layer does, the page says why.
"""

import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware.answer import Answer
from middleware.chain import chain
from middleware.error_boundary import ErrorBoundaryMiddleware

NAME = "playground.py"
Version = tuple[int, int]


class Playground:
    """An application with the chain of a file around it, as the file is now."""

    def __init__(self, path: Path, app: WSGIApplication) -> None:
        self.path = path
        self.app = app
        self.version: Version | None = None
        self.current: WSGIApplication = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        version = version_of(self.path)
        if version != self.version:
            self.version, self.current = version, self.read()
        return self.current(environ, start_response)

    def read(self) -> WSGIApplication:
        try:
            chained = chain(runpy.run_path(str(self.path))["layers"], self.app)
        except Exception:
            return what_went_wrong({})
        return ErrorBoundaryMiddleware(chained, page=what_went_wrong)


def version_of(path: Path) -> Version:
    # The clock of files ticks some hundred times a second: two versions may have one time.
    found = path.stat() if path.exists() else None
    return (found.st_mtime_ns, found.st_size) if found else (-1, -1)


def what_went_wrong(_environ: WSGIEnvironment) -> Answer:
    """Tell of the exception that is being handled: who reads it is who typed what raised it."""
    return Answer("500 Internal Server Error", traceback.format_exc())


def playground_path() -> Path:
    here = Path(NAME)
    return here.absolute() if here.exists() else Path(__file__).with_name(NAME)


def __getattr__(name: str) -> object:
    """Make the application only in the server that asks for it: it opens the chat's database."""
    if name != "application":
        raise AttributeError(name)
    from app import application as chat
    from ngw2f.service import Service

    return Service(chat.services, Playground(playground_path(), chat))


def main() -> int:
    address = f"127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 8000}"
    print(f"Edit {playground_path()}, and reload http://{address}/", flush=True)
    # gunicorn takes the first application that is named, so this one instead of the chat's own.
    command = [sys.executable, "-m", "ngw2f", "serve", "examples.middleware.play:application"]
    with tempfile.TemporaryDirectory(prefix="playground-") as directory:
        bind = {"NGW2F_DATA_DIR": directory, "GUNICORN_CMD_ARGS": f"--bind={address}"}
        environ = {**os.environ, **bind}
        server = subprocess.Popen(command, env=environ)
        # Whoever stops this stops the server; then the folder goes.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except KeyboardInterrupt:
            return server.wait()


if __name__ == "__main__":
    sys.exit(main())
