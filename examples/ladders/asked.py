"""Which request of each example shows most, and how to run it."""

import runpy
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug.test import EnvironBuilder, run_wsgi_app

from middleware._wsgi import close_body
from middleware.xray import ladder, lint, record

EXAMPLES = Path(__file__).parents[1]
# So that all lines of a ladder fit into a column of text.
WIDTH = 78


class Asked(NamedTuple):
    """A request of an example, and what its ladder shows; `times`: the last one is shown."""

    shows: str
    program: str
    target: str
    method: str = "GET"
    fields: dict[str, str] = {}  # noqa: RUF012 # Never changed.
    times: int = 1
    chunks: int | None = None


# By the folder of the example.
ASKED = {
    "gunicorn": Asked("one rung: nothing is around the application", "hello", "/"),
    "wsgi": Asked("an answer that was replaced before its first byte", "parts", "/error?early"),
    "middleware": Asked("a hit: the page was not called", "caching", "/", times=2),
    "werkzeug": Asked("a library is one rung: it is in the application", "routed", "/notes/9"),
    "flask": Asked("so is a framework", "notes", "/notes/9"),
    "slow": Asked("whoever waits is seen in its time", "direct", "/wait"),
    "live": Asked("two chunks of a stream, which the client left", "clock", "/events", chunks=2),
    "chat": Asked("a list from the cache, which the chat did not make", "", "/api/messages"),
    "toolbox": Asked(
        "what a proxy said becomes the client, and the mount moves the path",
        "layers", "/older/x", fields={"X-Forwarded-For": "192.0.2.7"},
    ),
    "sessions": Asked("a cookie, whose value nobody sees", "signed", "/in?name=ann", "POST"),
}  # fmt: skip


def ladder_of(folder: str) -> str:
    """Run the request of an example, and return its ladder."""
    asked = ASKED[folder]
    if folder == "chat":
        return ladder_of_chat(asked)
    with loaded(EXAMPLES / folder, asked.program) as app, redirect_stdout(StringIO()):
        recorded = record(app)
        for _ in range(asked.times):
            environ = EnvironBuilder(
                asked.target, method=asked.method, headers=[*asked.fields.items()],
                environ_base={"REMOTE_ADDR": "127.0.0.1"},
            ).get_environ()  # fmt: skip
            run(recorded, environ, asked.chunks)
        return ladder(recorded.trace, lint(recorded.trace), width=WIDTH)


def run(app: WSGIApplication, environ: WSGIEnvironment, chunks: int | None) -> None:
    """Run a request as a server does whose client leaves after some chunks, or after all."""
    body = app(environ, lambda status, headers, exc_info=None, /: lambda chunk: None)
    try:
        for _ in islice(body, chunks):
            pass
    finally:
        close_body(body)


@contextmanager
def loaded(folder: Path, program: str) -> Iterator[WSGIApplication]:
    """Give the application of a program, which imports what is beside it."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield runpy.run_path(str(folder / f"{program}.py"))["application"]
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) == str(folder / f"{name}.py"):
                del sys.modules[name]


def ladder_of_chat(asked: Asked) -> str:
    """Run a request of a chat of its own, without anybody in it."""
    from app import create_application
    from ngw2f.settings import Settings
    from ngw2f.store.migrate import migrate

    with tempfile.TemporaryDirectory(prefix="ladder-") as directory:
        settings = Settings(data_dir=directory, rate_limit=False, xray=True)
        migrate(settings)
        service = create_application(settings)
        try:
            run_wsgi_app(service, EnvironBuilder(asked.target).get_environ(), buffered=True)
            environ = EnvironBuilder(asked.target, headers=[("X-Ray", "1")]).get_environ()
            body, _, _ = run_wsgi_app(service, environ, buffered=True)
            return b"".join(body).decode()
        finally:
            service.close()
