"""Do the slow work in the request: gunicorn direct:application."""

from collections.abc import Callable, Iterable
from importlib import import_module
from wsgiref.types import StartResponse, WSGIEnvironment

work = import_module("work")  # beside this file
PATHS: dict[str, Callable[[], str]] = {"/wait": work.wait, "/compute": work.compute}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    do = PATHS.get(environ["PATH_INFO"])
    body = (do() if do else "quick\n").encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
