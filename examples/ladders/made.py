"""Run the request of an example, and make its ladder."""

import runpy
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from itertools import islice
from pathlib import Path
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug.test import EnvironBuilder, run_wsgi_app

from examples.ladders.asked import ASKED, EXAMPLES, Asked
from middleware._wsgi import close_body
from middleware.xray import ladder, lint, record

# So that all lines of a ladder fit into a column of text.
WIDTH = 78


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
    """Yield the application of a program, which imports what is beside it."""
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

    # X-ray's thread may be writing its file when the folder is removed.
    with tempfile.TemporaryDirectory(prefix="ladder-", ignore_cleanup_errors=True) as directory:
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
